//! Any frame from a server is read, parsed and redacted without a panic, and what is stored contains no secret.

use crate::protocol::incoming::{Documents, parse};
use crate::protocol::{lenient, redact};

/// Long enough to be redacted wherever it occurs.
const SECRET: &str = "canary-1234";

/// Each `~` in `bytes` is replaced by a secret.
pub(crate) fn check(bytes: &[u8]) {
    let Some(text) = lenient::text_of(bytes) else {
        std::hint::black_box(redact::bytes(bytes, SECRET));
        return;
    };
    let text = text.replace('~', SECRET);
    check_text(&text);
    let Some(mut documents) = Documents::of(&text) else { return };
    let mut count = 0;
    while let Some((document, _)) = documents.next_document() {
        check_text(&document);
        count += 1;
        assert!(count <= text.len(), "more documents than characters");
    }
}

fn check_text(text: &str) {
    std::hint::black_box(parse(text));
    let masked = redact::text(text, &[SECRET]);
    assert!(!masked.contains(SECRET), "the secret is in {masked:?}");
    let read = format!("{:?}", parse(&masked));
    assert!(!read.contains(SECRET), "the secret is read from {masked:?}: {read}");
    assert!(!redact::credentials(text, &[SECRET]).contains(SECRET), "the secret is sealed");
}
