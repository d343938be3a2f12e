//! Converts paths to text and back without loss: a path that is not UTF-8 becomes a `file:` URL, which can encode any byte.

use std::path::{Path, PathBuf};

use url::Url;

/// The prefix of such URLs. No absolute path starts with it.
const URL: &str = "file:///";

/// A path as text. A path that can't be represented, such as a relative path that is not UTF-8, is converted lossily.
pub fn text_of_path(path: &Path) -> String {
    match path.to_str() {
        Some(text) => text.to_owned(),
        None => Url::from_file_path(path).map_or_else(|()| path.display().to_string(), String::from),
    }
}

/// The path behind a text of [`text_of_path`].
pub fn path_of_text(text: &str) -> PathBuf {
    let url = text.starts_with(URL).then(|| Url::parse(text).ok()).flatten();
    url.and_then(|url| url.to_file_path().ok()).unwrap_or_else(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_utf_8_path_is_unchanged() {
        for text in ["/home/ops/ünï %20 \"x\".bin", "relative/a b.bin", "C:\\Users\\a.bin", "/file:/x", ""] {
            assert_eq!(text_of_path(Path::new(text)), text);
            assert_eq!(path_of_text(text), Path::new(text));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_not_utf_8_is_restored_byte_by_byte() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt as _;
        let path = Path::new(OsStr::from_bytes(b"/tmp/\xe4 100 %/a?b#\xff.bin"));
        let text = text_of_path(path);
        assert!(text.starts_with("file:///tmp/%E4%20"), "{text}");
        assert_eq!(path_of_text(&text), path);
    }
}
