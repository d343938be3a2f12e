//! Finds the display that the window opens on, before anything is started that needs an operator.

/// The display that the window opens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Display {
    /// The display that the system's library finds by default.
    Default,
    /// X11, although the environment also names a Wayland display.
    X11,
}

impl Display {
    /// Finds a display that responds.
    ///
    /// # Errors
    ///
    /// Fails if no display responds, or if it lacks what the window needs. Checks only X and Wayland; macOS and Windows always have
    /// a display.
    #[cfg(all(unix, not(target_os = "macos")))]
    pub fn find() -> Result<Self, WindowError> {
        linux::find(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
    }

    /// Returns the default display, because macOS and Windows always have one.
    ///
    /// # Errors
    ///
    /// Never fails.
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
        // An inherited connection can be used only once, so it must not be opened here.
        if variable("WAYLAND_SOCKET").is_some() {
            return Ok(Display::Default);
        }
        let x = variable("DISPLAY");
        let Some(wayland) = variable("WAYLAND_DISPLAY") else {
            return check_x(&x.ok_or(WindowError::NoDisplay)?).map(|()| Display::Default);
        };
        let socket = match variable("XDG_RUNTIME_DIR") {
            // An absolute path replaces the folder.
            Some(folder) => PathBuf::from(folder).join(&wayland),
            None => PathBuf::from(&wayland),
        };
        match UnixStream::connect(&socket) {
            Ok(_connection) => Ok(Display::Default),
            Err(error) => {
                tracing::warn!(%error, socket = %socket.display(), "no Wayland compositor answers; X is used");
                match x {
                    Some(x) => check_x(&x).map(|()| Display::X11),
                    None => Err(WindowError::NoWayland { display: wayland.display().to_string(), source: error }),
                }
            }
        }
    }

    /// Checks whether the window can open on this X server.
    fn check_x(display: &OsStr) -> Result<(), WindowError> {
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
            // The socket file remains, but no process accepts connections.
            assert!(matches!(find(&[("WAYLAND_DISPLAY", "wayland-7")]), Err(WindowError::NoWayland { .. })));
        }
    }
}

/// Why the window can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    /// There is no display.
    #[error(
        "No display was found: start Privicore Monitor in a desktop session, or use `privicore-monitor watch`, which needs none."
    )]
    NoDisplay,
    /// The environment names only a Wayland display, and it does not respond.
    #[error(
        "WAYLAND_DISPLAY is {display}, but no compositor answers there. Start Privicore Monitor in a desktop session, or set \
         DISPLAY to an X server."
    )]
    NoWayland {
        /// The value of `WAYLAND_DISPLAY`.
        display: String,
        /// The error of the connection attempt.
        source: std::io::Error,
    },
    /// The environment names an X server that does not respond.
    #[error(
        "DISPLAY is {display}, but no X server lets Privicore Monitor in there ({source}). Start it in a desktop session, or \
         use `privicore-monitor watch`, which needs no display."
    )]
    NoX {
        /// The value of `DISPLAY`.
        display: String,
        /// The error of the connection attempt.
        source: std::io::Error,
    },
    /// The X server has no RANDR extension, so it can't report its screens.
    #[error(
        "The X server at {display} has no RANDR extension, which the window needs. Start the server with it, or use \
         `privicore-monitor watch`, which needs no display."
    )]
    NoRandr {
        /// The value of `DISPLAY`.
        display: String,
    },
    /// The engine could not be started.
    #[error(transparent)]
    NotStarted(StartError),
    /// There is a display, but graphics can't be initialised.
    #[error("The window could not be drawn: install OpenGL 2.1 or later, on Debian the package libgl1-mesa-dri.")]
    NoGraphics(#[source] eframe::Error),
}

/// Why the engine could not be started for the window.
pub type StartError = Box<dyn std::error::Error + Send + Sync>;
