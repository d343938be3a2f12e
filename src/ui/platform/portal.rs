//! The file chooser of the desktop's portal, over the session bus.
//!
//! Each dialog has its own connection, so that dialogs can't affect each other. Blocks until the operator closes the dialog, or for
//! ever if the bus accepts connections and never answers: [`PortalDialog`] has the time limit.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use zbus::MatchRule;
use zbus::blocking::MessageIterator;
use zbus::blocking::connection::Builder;
use zbus::blocking::fdo::DBusProxy;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};

use crate::engine::{FileDialogError, FileKind, FileRequest, OPEN_TIMEOUT, PortalDialog};

const SERVICE: &str = "org.freedesktop.portal.Desktop";

/// The signals that a dialog waits for: its response, and the end of the portal or of the program that draws its dialogs.
const SIGNALS: [&str; 3] = [
    "type='signal',sender='org.freedesktop.portal.Desktop',interface='org.freedesktop.portal.Request',member='Response'",
    "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.freedesktop.portal.Desktop'",
    "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0namespace='org.freedesktop.impl.portal'",
];

/// Shows the dialog and reports its result. `parent` identifies the window that the dialog belongs to; empty if that is not
/// possible.
pub(crate) fn choose(request: &FileRequest, parent: &str, mut dialog: PortalDialog) {
    let result = match open(request, parent) {
        Ok((handle, signals)) if dialog.report_open() => answer(&handle, signals),
        // Too late: this closes the connection, and the portal closes the dialog with it.
        Ok(_) => return,
        Err(error) => {
            tracing::warn!(%error, "the portal opens no file dialog");
            Err(FileDialogError::Unavailable)
        }
    };
    dialog.report_result(result);
}

/// Requests a dialog from the portal. Subscribes to the signals first, so that none is missed.
fn open(request: &FileRequest, parent: &str) -> zbus::Result<(OwnedObjectPath, MessageIterator)> {
    let bus = Builder::session()?.method_timeout(OPEN_TIMEOUT).build()?;
    let signals = MessageIterator::from(&bus);
    let broker = DBusProxy::new(&bus)?;
    for signal in SIGNALS {
        broker.add_match_rule(MatchRule::try_from(signal)?)?;
    }
    let mut options = HashMap::from([("modal", Value::from(true))]);
    if let Some(folder) = &request.folder {
        options.insert("current_folder", Value::from(with_nul(folder)));
    }
    let method = match request.kind {
        FileKind::Save => {
            options.insert("current_name", Value::from(request.file_name.as_str()));
            "SaveFile"
        }
        FileKind::Folder => {
            options.insert("directory", Value::from(true));
            "OpenFile"
        }
    };
    let path = "/org/freedesktop/portal/desktop";
    let interface = "org.freedesktop.portal.FileChooser";
    let arguments = (parent, request.title.as_str(), options);
    let reply = bus.call_method(Some(SERVICE), path, Some(interface), method, &arguments)?;
    Ok((reply.body().deserialize()?, signals))
}

/// Waits for the dialog's response.
fn answer(handle: &OwnedObjectPath, signals: MessageIterator) -> Result<Option<PathBuf>, FileDialogError> {
    let mut backend_ended = false;
    // The messages end when the bus does.
    for message in signals.map_while(Result::ok) {
        let header = message.header();
        match header.member().map(zbus::names::MemberName::as_str) {
            Some("Response") if header.path().is_some_and(|path| path.as_str() == handle.as_str()) => {
                return match message.body().deserialize::<(u32, HashMap<String, OwnedValue>)>() {
                    Ok((0, mut results)) => chosen_path(results.remove("uris")),
                    Ok((1, _)) => Ok(None),
                    Ok(_) if backend_ended => Err(FileDialogError::Ended),
                    Ok(_) | Err(_) => Err(FileDialogError::Unavailable),
                };
            }
            Some("NameOwnerChanged") => {
                let Ok((name, _old, new)) = message.body().deserialize::<(String, String, String)>() else { continue };
                if new.is_empty() {
                    if name == SERVICE {
                        return Err(FileDialogError::Ended);
                    }
                    backend_ended = true;
                }
            }
            _ => {}
        }
    }
    Err(FileDialogError::Ended)
}

fn chosen_path(uris: Option<OwnedValue>) -> Result<Option<PathBuf>, FileDialogError> {
    let uris: Vec<String> = uris.and_then(|uris| uris.try_into().ok()).unwrap_or_default();
    match uris.first() {
        None => Ok(None),
        // Anything but a local file can't be written to.
        Some(uri) => path_of(uri).map(Some).ok_or(FileDialogError::Unavailable),
    }
}

/// The path of a `file` URI, decoded byte by byte, because names need not be UTF-8.
fn path_of(uri: &str) -> Option<PathBuf> {
    let path = uri.strip_prefix("file://")?;
    let path = path.strip_prefix("localhost").unwrap_or(path);
    path.starts_with('/').then(|| OsString::from_vec(percent_decode_str(path).collect()).into())
}

/// A path in the portal's format: bytes with a terminating zero.
fn with_nul(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().iter().copied().chain([0]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_uri_is_decoded_byte_by_byte() {
        for (uri, path) in [
            ("file:///home/a/rates.csv", Some(&b"/home/a/rates.csv"[..])),
            ("file:///tmp/gr%F6sse%20%23.csv", Some(b"/tmp/gr\xF6sse #.csv")),
            ("file://localhost/tmp/%E2%82%AC", Some("/tmp/€".as_bytes())),
            ("file:///tmp/100%25%2", Some(b"/tmp/100%%2")),
            ("file://server/share/a", None),
            ("sftp://server/a", None),
            ("", None),
        ] {
            let found = path_of(uri);
            assert_eq!(found.as_ref().map(|path| path.as_os_str().as_bytes()), path, "{uri}");
        }
    }
}
