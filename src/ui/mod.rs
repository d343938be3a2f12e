//! The window: what an operator sees and does.
//!
//! One file a view. [`App`] reads what is true now ([`crate::engine::EngineStatus`]), takes [`crate::engine::Event`]s, draws, and
//! sends [`crate::engine::Action`]s; it may use [`crate::activity`], [`crate::settings`], [`crate::protocol`]'s types and the
//! engine's doors, and never waits, reads a file or opens a socket.
//!
//! | file | what |
//! |---|---|
//! | `app` | the whole: takes events, draws a frame, does what was wished in it |
//! | `desk`, `merged` | one profile's place: connection, activities, how they are looked at; and that of all profiles |
//! | `top_bar`, `banner`, `chips`, `tools`, `status_bar`, `downloads`, `notices`, `announce`, `rival` | the bars, and what is said aloud |
//! | `table` | the virtualised table: rows, selection, scrolling, what screen readers read |
//! | `older`, `expected` | searching the journal for older rows; rows to select once they have come |
//! | `completeness`, `gaps`, `unkept` | what may be missing or lost: in the status bar, in a dialog, in words |
//! | `details` | one activity: messages, JSON, what is next |
//! | `sign_in`, `dialogs`, `preferences`, `network`, `export`, `export_bar`, `track`, `leave`, `help` | forms and other dialogs |
//! | `request_data`, `data_settings`, `data_key`, `columns_dialog`, `saved` | more of them |
//! | `commands`, `keys`, `palette` | every command with its key, and how it is found |
//! | `menu`, `row_menu`, `copying` | entries of menus, the menu of the selected rows, and they as text for the clipboard |
//! | `theme`, `icons`, `widgets`, `field`, `empty`, `text`, `open` | the look and the words |
//! | `scene` | what each view gets for one frame, and what it may ask for |
//! | `beside` | the thread that applies what a stream brings, between two frames |
//! | `insight` | what came, why commands failed and how long they took, beside the table |
//! | `notify` | what is told on the desktop while the window has not the focus |
//! | `file_path` | asks for a path if the desktop has no file dialog |
//! | `doors`, `saving`, `native`, `clipboard`, `system` | what the window needs from outside |

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

pub use app::apply_thread::ApplyThread;
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
