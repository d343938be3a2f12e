//! File names from a server, made safe: they are hostile input.
//!
//! [`safe_name`] is the one way from any text to a name that a file may have: only ever a name and never a way, visible as it
//! is, nothing that a system takes for a device, nothing that runs when it is opened, and short enough for every file system.
//! What browsers do is the measure.
//! Nothing here touches a file.

/// The longest name that common file systems take, in bytes of UTF-8.
pub const LONGEST: usize = 255;
/// The longest extension that is kept when a name is cut, in bytes and without its dot.
const LONGEST_EXTENSION: usize = 40;
/// What is put behind a name that would run when it is opened.
const HARMLESS: &str = ".download";
/// Names that are devices on Windows, whatever their extension; `com1` and the like are beside.
const DEVICES: [&str; 7] = ["con", "prn", "aux", "nul", "conin$", "conout$", "clock$"];
/// Extensions of files that start something, or lead somewhere else, when they are merely opened: on Linux, macOS or Windows.
const RUNS: &[&str] = &[
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

/// A text as a file name; `None` where nothing of it is left.
///
/// The last part of what looks like a way; control, format and invisible characters and `"*/:<>?\|` replaced by `_`; no dot
/// and no space at either end; `_` before a device name; `.download` behind an extension that runs when it is opened; at
/// most [`LONGEST`] bytes, cut between two characters, with the extension kept. A safe name stays as it is.
#[must_use]
pub fn safe_name(text: &str) -> Option<String> {
    let last = text.rsplit(['/', '\\']).find(|part| !trimmed(part).is_empty())?;
    let shown: String = last
        .chars()
        .map(|c| {
            if is_unfit(c) {
                '_'
            } else if c.is_whitespace() {
                ' '
            } else {
                c
            }
        })
        .collect();
    let mut name = cut(trimmed(&shown), "");
    if runs(&name) {
        name = cut(&name, HARMLESS);
    }
    if is_device(&name) {
        name.insert(0, '_');
        name = cut(&name, "");
    }
    (!name.is_empty()).then_some(name)
}

/// The name to save a request's data under where the server gives none: the file name known for the data token, else the
/// last part of the context, else the beginning of the request id. Each may be empty.
#[must_use]
pub fn suggestion(known: &str, context: &str, request: &str) -> String {
    if let Some(name) = safe_name(known) {
        return name;
    }
    let id: String = request.chars().take(8).collect();
    let stem = safe_name(context).or_else(|| safe_name(&format!("data-{id}"))).unwrap_or_else(|| "data".to_owned());
    if parts(&stem).1.is_empty() { cut(&stem, ".bin") } else { stem }
}

/// A safe name with a number, for a place where the name is taken: `a (2).bin`.
#[must_use]
pub fn numbered(name: &str, number: u32) -> String {
    let (stem, extension) = parts(name);
    let numbered = format!(" ({number})");
    let room = LONGEST.saturating_sub(numbered.len() + extension.len());
    format!("{}{numbered}{extension}", trimmed(start(stem, room)))
}

/// A safe name that is short enough for file systems which encrypt names.
#[must_use]
pub fn shortened(name: &str) -> String {
    const SHORT: usize = 120;
    let (stem, extension) = parts(name);
    format!("{}{extension}", trimmed(start(stem, SHORT.saturating_sub(extension.len()))))
}

/// Without dots and spaces at either end.
fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c == '.' || c.is_whitespace())
}

/// A name, with `suffix` behind it, cut to what file systems take.
fn cut(name: &str, suffix: &str) -> String {
    if name.len() + suffix.len() <= LONGEST {
        return format!("{name}{suffix}");
    }
    let (stem, extension) = if suffix.is_empty() { parts(name) } else { (name, suffix) };
    format!("{}{extension}", trimmed(start(stem, LONGEST.saturating_sub(extension.len()))))
}

/// The longest start of a text that has at most so many bytes.
fn start(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

/// A name's stem and its extension with the dot. What is too long for an extension is none.
fn parts(name: &str) -> (&str, &str) {
    match name.rfind('.').and_then(|dot| name.split_at_checked(dot)) {
        Some((stem, extension)) if !stem.is_empty() && (2..=LONGEST_EXTENSION + 1).contains(&extension.len()) => {
            (stem, extension)
        }
        Some(_) | None => (name, ""),
    }
}

/// Whether a file of this name does something when it is opened.
fn runs(name: &str) -> bool {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_lowercase());
    extension.is_some_and(|extension| RUNS.contains(&extension.as_str()))
}

/// Whether Windows takes it for a device: by what stands before the first dot, without spaces at its end.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let is_port = |kind: &str| {
        let mut number = stem.strip_prefix(kind).unwrap_or_default().chars();
        matches!((number.next(), number.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
    };
    DEVICES.contains(&stem.as_str()) || is_port("com") || is_port("lpt")
}

/// Whether a character has no place in a name: reserved somewhere, of no looks of its own, or changing those of others.
fn is_unfit(c: char) -> bool {
    if matches!(c, '"' | '*' | '/' | ':' | '<' | '>' | '?' | '\\' | '|') || c.is_control() {
        return true;
    }
    // Format characters and those that Unicode has ignored by default (its Cf and Default_Ignorable_Code_Point), line
    // and paragraph separators, blanks that are no spaces, private use, non-characters.
    matches!(u32::from(c),
        0xAD | 0x034F | 0x0600..=0x0605 | 0x061C | 0x06DD | 0x070F | 0x0890..=0x0891 | 0x08E2 | 0x115F..=0x1160
        | 0x17B4..=0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x2800 | 0x3164
        | 0xE000..=0xF8FF | 0xFDD0..=0xFDEF | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB | 0x110BD | 0x110CD
        | 0x13430..=0x1343F | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF | 0xF0000..)
        || u32::from(c) & 0xFFFE == 0xFFFE
}

#[cfg(test)]
mod tests;
