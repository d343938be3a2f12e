//! The error behind a notice.

use std::any::TypeId;
use std::error::Error;
use std::fmt;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::mem::discriminant;
use std::sync::Arc;

/// An error of any part of the program. Two are equal if their errors are of the same type and variant.
#[derive(Clone)]
pub struct Cause {
    error: Arc<dyn Error + Send + Sync>,
    kind: (TypeId, u64),
}

impl<E: Error + Send + Sync + 'static> From<E> for Cause {
    fn from(error: E) -> Self {
        let variant = BuildHasherDefault::<DefaultHasher>::default().hash_one(discriminant(&error));
        Self { error: Arc::new(error), kind: (TypeId::of::<E>(), variant) }
    }
}

impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.error, f)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}
