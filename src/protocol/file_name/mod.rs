//! Makes file names from a server safe: they are hostile input.
//!
//! [`safe_name`] is the only conversion from any text to a file name. The result is a bare name and never a path, fully visible,
//! not a device name on any system, not a file that runs when opened, and short enough for every file system. It follows what
//! browsers do. Nothing here touches a file.

/// Maximum name length on common file systems, in bytes of UTF-8.
pub const MAX_LENGTH: usize = 255;
/// Maximum length of an extension that is kept when a name is cut, in bytes and without its dot.
const MAX_EXTENSION_LENGTH: usize = 40;
/// Appended to a name that would run when opened.
const SAFE_EXTENSION: &str = ".download";
/// Device names on Windows, with any extension; `com1` and the like are handled separately.
const DEVICES: [&str; 7] = ["con", "prn", "aux", "nul", "conin$", "conout$", "clock$"];
/// Extensions of files that run something, or point elsewhere, when merely opened: on Linux, macOS or Windows.
const EXECUTABLE_EXTENSIONS: &[&str] = &[
    // Launchers and shortcuts.
    "desktop",
    "lnk",
    "url",
    "website",
    "webloc",
    "inetloc",
    "fileloc",
    "scf",
    "pif",
    "local",
    "appref-ms",
    "application",
    "library-ms",
    "search-ms",
    "searchconnector-ms",
    "settingcontent-ms",
    "rdp",
    "theme",
    "themepack",
    "appimage",
    "flatpakref",
    "directory",
    "kdelnk",
    "service",
    // Programs and scripts that a file manager runs.
    "exe",
    "com",
    "scr",
    "cpl",
    "msi",
    "msp",
    "mst",
    "msc",
    "msix",
    "msixbundle",
    "appx",
    "appxbundle",
    "appinstaller",
    "bat",
    "cmd",
    "ps1",
    "psm1",
    "vb",
    "vbs",
    "vbe",
    "js",
    "jse",
    "ws",
    "wsf",
    "wsh",
    "wsc",
    "sct",
    "hta",
    "jar",
    "jnlp",
    "reg",
    "inf",
    "chm",
    "hlp",
    "gadget",
    "diagcab",
    "xll",
    "xbap",
    "cdxml",
    "ade",
    "adp",
    "command",
    "terminal",
    "tool",
    "workflow",
    "action",
    "scpt",
    "scptd",
    "applescript",
    "mobileconfig",
    "run",
];

/// A text as a safe file name; `None` if nothing of it is left.
///
/// Takes the last component if the text looks like a path. Replaces control, format and invisible characters and `"*/:<>?\|` by
/// `_`; removes dots and spaces at both ends; prefixes a device name with `_`; appends `.download` to an extension that runs when
/// opened; cuts to [`MAX_LENGTH`] bytes between two characters, with the extension kept. A safe name is returned unchanged.
pub fn safe_name(text: &str) -> Option<String> {
    let last = text.rsplit(['/', '\\']).find(|part| !trimmed(part).is_empty())?;
    let shown: String = last
        .chars()
        .map(|c| {
            if is_forbidden(c) {
                '_'
            } else if c.is_whitespace() {
                ' '
            } else {
                c
            }
        })
        .collect();
    let mut name = cut(trimmed(&shown), "");
    if is_executable(&name) {
        name = cut(&name, SAFE_EXTENSION);
    }
    if is_device(&name) {
        name.insert(0, '_');
        name = cut(&name, "");
    }
    (!name.is_empty()).then_some(name)
}

/// The suggested name for a request's data if the server gives none: the file name known for the data token, else the last part of
/// the context, else the beginning of the request id. Each may be empty.
pub fn suggestion(known: &str, context: &str, request: &str) -> String {
    if let Some(name) = safe_name(known) {
        return name;
    }
    let id: String = request.chars().take(8).collect();
    let stem = safe_name(context).or_else(|| safe_name(&format!("data-{id}"))).unwrap_or_else(|| "data".to_owned());
    if parts(&stem).1.is_empty() { cut(&stem, ".bin") } else { stem }
}

/// A safe name with a number, if the name is already taken: `a (2).bin`.
pub fn numbered(name: &str, number: u32) -> String {
    let (stem, extension) = parts(name);
    let numbered = format!(" ({number})");
    let remaining = MAX_LENGTH.saturating_sub(numbered.len() + extension.len());
    format!("{}{numbered}{extension}", trimmed(start(stem, remaining)))
}

/// A safe name shortened for file systems that encrypt names.
pub fn shortened(name: &str) -> String {
    const SHORT: usize = 120;
    let (stem, extension) = parts(name);
    format!("{}{extension}", trimmed(start(stem, SHORT.saturating_sub(extension.len()))))
}

/// The text without dots and spaces at both ends.
fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c == '.' || c.is_whitespace())
}

/// A name with `suffix` appended, cut to the limit of file systems.
fn cut(name: &str, suffix: &str) -> String {
    if name.len() + suffix.len() <= MAX_LENGTH {
        return format!("{name}{suffix}");
    }
    let (stem, extension) = if suffix.is_empty() { parts(name) } else { (name, suffix) };
    format!("{}{extension}", trimmed(start(stem, MAX_LENGTH.saturating_sub(extension.len()))))
}

/// The longest start of a text with at most `most` bytes.
fn start(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

/// A name's stem, and its extension with the dot. An overlong extension counts as none.
fn parts(name: &str) -> (&str, &str) {
    match name.rfind('.').and_then(|dot| name.split_at_checked(dot)) {
        Some((stem, extension)) if !stem.is_empty() && (2..=MAX_EXTENSION_LENGTH + 1).contains(&extension.len()) => {
            (stem, extension)
        }
        Some(_) | None => (name, ""),
    }
}

/// Whether a file of this name runs something when opened.
fn is_executable(name: &str) -> bool {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_lowercase());
    extension.is_some_and(|extension| EXECUTABLE_EXTENSIONS.contains(&extension.as_str()))
}

/// Whether Windows treats it as a device: decided by the part before the first dot, without trailing spaces.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let is_port = |kind: &str| {
        let mut number = stem.strip_prefix(kind).unwrap_or_default().chars();
        matches!((number.next(), number.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
    };
    DEVICES.contains(&stem.as_str()) || is_port("com") || is_port("lpt")
}

/// Whether a character is not allowed in a name: reserved on some system, invisible, or changing how others look.
fn is_forbidden(c: char) -> bool {
    if matches!(c, '"' | '*' | '/' | ':' | '<' | '>' | '?' | '\\' | '|') || c.is_control() {
        return true;
    }
    // Format characters and those that Unicode ignores by default (its Cf and Default_Ignorable_Code_Point), line and paragraph
    // separators, blanks other than spaces, private use, non-characters.
    matches!(u32::from(c),
        0xAD | 0x034F | 0x0600..=0x0605 | 0x061C | 0x06DD | 0x070F | 0x0890..=0x0891 | 0x08E2 | 0x115F..=0x1160
        | 0x17B4..=0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x2800 | 0x3164
        | 0xE000..=0xF8FF | 0xFDD0..=0xFDEF | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB | 0x110BD | 0x110CD
        | 0x13430..=0x1343F | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF | 0xF0000..)
        || u32::from(c) & 0xFFFE == 0xFFFE
}

#[cfg(test)]
mod tests;
