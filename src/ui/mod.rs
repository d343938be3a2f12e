//! The window: shows what the engine reports, and sends what the operator requests.
//!
//! [`App`] reads the current [`crate::engine::EngineStatus`], takes [`crate::engine::Event`]s, draws, and sends
//! [`crate::engine::Action`]s. It may use [`crate::activity`], [`crate::settings`], [`crate::protocol`]'s types and the
//! engine's public interface. It never blocks, reads a file or opens a socket.
//!
//! | folder or file | contents |
//! |---|---|
//! | `app` | the whole window: takes events, draws a frame, executes the requests made in it |
//! | `bars` | the bars around the table, notices, downloads, and the live region for screen readers |
//! | `details` | one activity: its messages, JSON and next steps |
//! | `dialogs` | settings, help, the command palette, data requests, export and all other dialogs |
//! | `frame` | what views get in a frame and may request: `FrameContext`, `UiRequest`, `UiCommand`, the frame of dialogs |
//! | `input` | key presses, menus, and when a command is available |
//! | `insight` | the summary beside the table: what arrived, why commands failed, how long they took |
//! | `platform` | what the window needs from the system: traits (`ports`) and their implementations |
//! | `profile_tab` | the state of one profile's tab, and of the tab `All profiles` |
//! | `sign_in` | the sign-in form |
//! | `table` | the virtualised table: rows, header, row menu, copying |
//! | `text` | numbers, times, sizes, labels and JSON as text |
//! | `theme` | colours, fonts, sizes and spacing |
//! | `view_state` | what is selected, folded, scrolled to or typed in each view |
//! | `widgets` | buttons, text fields, icons and links |

pub(crate) mod app;
pub(crate) mod bars;
pub(crate) mod details;
pub(crate) mod dialogs;
pub(crate) mod frame;
pub(crate) mod input;
pub(crate) mod insight;
pub(crate) mod platform;
pub(crate) mod profile_tab;
pub(crate) mod sign_in;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod theme;
pub(crate) mod view_state;
pub(crate) mod widgets;

pub use app::window::{Started, WindowConfig, run};
pub use app::{App, Dependencies};
pub use platform::display::{Display, StartError, WindowError};
pub use platform::ports::{
    Backend, Clock, DialogResponder, FailedDialog, FileDialogs, Notification, Notifier, PathReply, SaveSuggestion,
    SecretClipboard, Waker,
};
pub use platform::reduced_motion::ReducedMotionQuery;
pub use platform::system_dialogs::Spawner;
pub use view_state::sign_in_form::Prefill;
