//! Paths as the journal's text, without loss: a path that is no UTF-8 is kept as a `file:` URL, which has a form for any byte.

use std::path::{Path, PathBuf};

use url::Url;

/// What such a URL begins with. No absolute path does.
const URL: &str = "file:///";

/// A path as text. One without a form as text or URL, such as a relative path that is no UTF-8, is shown as well as can be.
#[must_use]
pub fn text_of_path(path: &Path) -> String {
    match path.to_str() {
        Some(text) => text.to_owned(),
        None => Url::from_file_path(path).map_or_else(|()| path.display().to_string(), String::from),
    }
}

/// The path that a text of [`text_of_path`] stands for.
#[must_use]
pub fn path_of_text(text: &str) -> PathBuf {
    let url = text.starts_with(URL).then(|| Url::parse(text).ok()).flatten();
    url.and_then(|url| url.to_file_path().ok()).unwrap_or_else(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_text_stays_as_it_is() {
        for text in ["/home/ops/ünï %20 \"x\".bin", "relative/a b.bin", "C:\\Users\\a.bin", "/file:/x", ""] {
            assert_eq!(text_of_path(Path::new(text)), text);
            assert_eq!(path_of_text(text), Path::new(text));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_no_text_comes_back_byte_by_byte() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt as _;
        let path = Path::new(OsStr::from_bytes(b"/tmp/\xe4 100 %/a?b#\xff.bin"));
        let text = text_of_path(path);
        assert!(text.starts_with("file:///tmp/%E4%20"), "{text}");
        assert_eq!(path_of_text(&text), path);
    }
}
