//! Whatever a server sends as a frame, it is read, taken apart and masked without a panic, and no secret is left in what is kept.

use crate::protocol::incoming::{Documents, parse};
use crate::protocol::{lenient, redact};

/// Long enough to be masked wherever it stands.
const SECRET: &str = "canary-1234";

/// Each `~` in the bytes stands for a secret.
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
