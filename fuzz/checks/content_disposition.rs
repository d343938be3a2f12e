//! Any value of `Content-Disposition` yields a safe file name or none.

use crate::protocol::{disposition, file_name};

pub(crate) fn check(bytes: &[u8]) {
    let encoded = bytes.iter().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
    let forms: [(&[u8], &[u8]); 7] = [
        (b"", b""),
        (b"attachment; filename=", b""),
        (b"attachment; filename=\"", b"\""),
        (b"attachment; filename*=UTF-8''", b""),
        (b"attachment; filename*=iso-8859-1'en'", b"; filename=b"),
        (b"inline; filename*0*=utf-8''a; filename*1*=", b""),
        (b"form-data; name=x; FILENAME = ", b";"),
    ];
    for (before, after) in forms {
        for name in [bytes, encoded.as_bytes()] {
            if let Some(name) = disposition::file_name(&[before, name, after].concat()) {
                assert!(!name.is_empty() && name.len() <= file_name::MAX_LENGTH, "its length: {name:?}");
                assert_eq!(file_name::safe_name(&name).as_deref(), Some(&*name), "it is not safe: {name:?}");
            }
        }
    }
}
