//! Which display the window opens on, looked at before anything is started that needs an operator.

/// The display that the window opens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Display {
    /// The one that the system's library finds by itself.
    Default,
    /// X, although the environment names a Wayland display too.
    X11,
}

impl Display {
    /// Looks which display answers.
    ///
    /// # Errors
    ///
    /// If none does, or it lacks what the window needs. Only X and Wayland are looked at; other systems always have a display.
    #[cfg(all(unix, not(target_os = "macos")))]
    pub fn find() -> Result<Self, WindowError> {
        linux::find(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
    }

    /// Other systems always have a display.
    ///
    /// # Errors
    ///
    /// Never.
    #[cfg(not(all(unix, not(target_os = "macos"))))]
    pub fn find() -> Result<Self, WindowError> {
        Ok(Self::Default)
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
mod linux {
    use std::ffi::{OsStr, OsString};
    use std::io;
    use std::os::unix::net::UnixStream;
    use std::path::PathBuf;

    use x11rb::connection::RequestConnection as _;
    use x11rb::protocol::randr;
    use x11rb::rust_connection::RustConnection;

    use super::{Display, WindowError};

    pub(crate) fn find(variable: impl Fn(&str) -> Option<OsString>) -> Result<Display, WindowError> {
        // A connection that was handed to this process: opening it here would use it up.
        if variable("WAYLAND_SOCKET").is_some() {
            return Ok(Display::Default);
        }
        let x = variable("DISPLAY");
        let Some(wayland) = variable("WAYLAND_DISPLAY") else {
            return look_at_x(&x.ok_or(WindowError::NoDisplay)?).map(|()| Display::Default);
        };
        let socket = match variable("XDG_RUNTIME_DIR") {
            // An absolute name stands for itself.
            Some(folder) => PathBuf::from(folder).join(&wayland),
            None => PathBuf::from(&wayland),
        };
        match UnixStream::connect(&socket) {
            Ok(_connection) => Ok(Display::Default),
            Err(error) => {
                tracing::warn!(%error, socket = %socket.display(), "no Wayland compositor answers; X is used");
                match x {
                    Some(x) => look_at_x(&x).map(|()| Display::X11),
                    None => Err(WindowError::NoWayland { display: wayland.display().to_string(), source: error }),
                }
            }
        }
    }

    /// Whether the window can open on this X server.
    fn look_at_x(display: &OsStr) -> Result<(), WindowError> {
        let display = display.display().to_string();
        let no_answer = |source: io::Error| WindowError::NoX { display: display.clone(), source };
        let (connection, _screen) =
            RustConnection::connect(Some(&display)).map_err(|error| no_answer(io::Error::other(error)))?;
        match connection.extension_information(randr::X11_EXTENSION_NAME) {
            Ok(Some(_randr)) => Ok(()),
            Ok(None) => Err(WindowError::NoRandr { display }),
            Err(error) => Err(no_answer(io::Error::other(error))),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_display_that_does_not_answer_is_named() {
            let folder = tempfile::tempdir().unwrap();
            let runtime = folder.path().as_os_str().to_owned();
            let served = std::os::unix::net::UnixListener::bind(folder.path().join("wayland-7")).unwrap();
            let find = |given: &[(&str, &str)]| {
                find(|name| {
                    if name == "XDG_RUNTIME_DIR" {
                        return Some(runtime.clone());
                    }
                    given.iter().find(|(given, _)| *given == name).map(|(_, value)| (*value).into())
                })
            };
            assert!(matches!(find(&[]), Err(WindowError::NoDisplay)));
            assert_eq!(find(&[("WAYLAND_DISPLAY", "wayland-7")]).unwrap(), Display::Default);
            assert_eq!(find(&[("WAYLAND_SOCKET", "9")]).unwrap(), Display::Default);
            for (given, named) in [
                (&[("WAYLAND_DISPLAY", "wayland-8")][..], "WAYLAND_DISPLAY"),
                (&[("WAYLAND_DISPLAY", "/nowhere/wayland-8")], "WAYLAND_DISPLAY"),
                (&[("DISPLAY", ":999")], "DISPLAY is :999"),
                (&[("DISPLAY", "nonsense")], "DISPLAY is nonsense"),
                (&[("WAYLAND_DISPLAY", "wayland-8"), ("DISPLAY", ":999")], "DISPLAY is :999"),
            ] {
                let sentence = find(given).unwrap_err().to_string();
                assert!(sentence.contains(named), "{given:?}: {sentence}");
            }
            drop(served);
            // The socket stays, but nobody answers.
            assert!(matches!(find(&[("WAYLAND_DISPLAY", "wayland-7")]), Err(WindowError::NoWayland { .. })));
        }
    }
}

/// Why there is no window.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    /// There is nothing to show it on.
    #[error(
        "No display was found: start Privicore Monitor in a desktop session, or use `privicore-monitor watch`, which needs none."
    )]
    NoDisplay,
    /// The environment names a Wayland display that nobody serves, and no other.
    #[error(
        "WAYLAND_DISPLAY is {display}, but no compositor answers there. Start Privicore Monitor in a desktop session, or set \
         DISPLAY to an X server."
    )]
    NoWayland {
        /// The variable's value.
        display: String,
        /// Why it can't be reached.
        source: std::io::Error,
    },
    /// The environment names an X server that does not answer.
    #[error(
        "DISPLAY is {display}, but no X server lets Privicore Monitor in there ({source}). Start it in a desktop session, or \
         use `privicore-monitor watch`, which needs no display."
    )]
    NoX {
        /// The variable's value.
        display: String,
        /// Why it can't be reached.
        source: std::io::Error,
    },
    /// The X server can't say which screens it has.
    #[error(
        "The X server at {display} has no RANDR extension, which the window needs. Start the server with it, or use \
         `privicore-monitor watch`, which needs no display."
    )]
    NoRandr {
        /// The variable's value.
        display: String,
    },
    /// The engine could not be started.
    #[error(transparent)]
    NotStarted(StartError),
    /// There is a display, but nothing to draw with.
    #[error("The window could not be drawn: install OpenGL 2.1 or later, on Debian the package libgl1-mesa-dri.")]
    NoGraphics(#[source] eframe::Error),
}

/// Why there is no engine for the window.
pub type StartError = Box<dyn std::error::Error + Send + Sync>;
