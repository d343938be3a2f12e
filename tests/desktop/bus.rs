//! Simulated desktop services: those missing on the session bus, and replacements for others on a private bus.

use std::collections::HashMap;
use std::env;
use std::fs::File;
use std::future::pending;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tempfile::TempDir;
use zbus::blocking::connection::Builder;
use zbus::blocking::fdo::DBusProxy;
use zbus::blocking::{Connection, MessageIterator};
use zbus::message::{self, Header, Message};
use zbus::names::{BusName, OwnedUniqueName};
use zbus::zvariant::{ObjectPath, OwnedValue};

use crate::failure::{Failure, Outcome, ensure};
use crate::process::Process;
use crate::wait::until;

/// The requests received over the bus, in order.
type Record<T> = Arc<Mutex<Vec<T>>>;

fn look<T: Clone>(record: &Record<T>) -> Vec<T> {
    record.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn note<T>(record: &Record<T>, what: T) {
    record.lock().unwrap_or_else(PoisonError::into_inner).push(what);
}

/// A notification, as it arrived over the bus.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Notice {
    /// The name of the sender.
    pub(crate) app: String,
    /// The id of the notification that it replaces; 0 for none.
    pub(crate) replaces: u32,
    /// The name of the icon.
    pub(crate) icon: String,
    /// The first line.
    pub(crate) title: String,
    /// The remaining text, which many desktops interpret as markup.
    pub(crate) body: String,
    /// The actions that it offers.
    pub(crate) actions: Vec<String>,
    /// The hints; only text values are read.
    pub(crate) hints: Vec<(String, String)>,
    /// When it disappears, in milliseconds; -1 leaves that to the desktop.
    pub(crate) expires: i32,
}

/// The notification service. The test desktop has no other.
pub(crate) struct Board {
    _bus: Connection,
    notices: Record<Notice>,
}

impl Board {
    /// Takes the service's name on the session bus.
    ///
    /// # Errors
    ///
    /// Fails if another process has the name.
    pub(crate) fn hang() -> Outcome<Self> {
        let notices = Record::default();
        let bus = Builder::session()?
            .serve_at("/org/freedesktop/Notifications", Notifications(Arc::clone(&notices)))?
            .name("org.freedesktop.Notifications")?
            .build()?;
        Ok(Self { _bus: bus, notices })
    }

    /// The notifications shown so far.
    pub(crate) fn notices(&self) -> Vec<Notice> {
        look(&self.notices)
    }

    /// Waits until the shown notifications are enough. The program may wait minutes between two of them.
    ///
    /// # Errors
    ///
    /// The notifications shown, if they are not enough.
    pub(crate) fn wait_for(&self, what: &str, is_enough: impl Fn(&[Notice]) -> bool) -> Outcome<()> {
        until(what, || Ok(is_enough(&self.notices()).then_some(())))
            .map_err(|failure| failure.with(&format!("{:#?}", self.notices())))
    }
}

struct Notifications(Record<Notice>);

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Notifications {
    #[expect(clippy::too_many_arguments, reason = "so the desktop notifications specification has it")]
    fn notify(
        &self,
        app: String,
        replaces: u32,
        icon: String,
        title: String,
        body: String,
        actions: Vec<String>,
        hints: HashMap<String, OwnedValue>,
        expires: i32,
    ) -> u32 {
        let text = |value: OwnedValue| String::try_from(value).unwrap_or_else(|error| error.to_string());
        let mut hints: Vec<_> = hints.into_iter().map(|(name, value)| (name, text(value))).collect();
        hints.sort();
        note(&self.0, Notice { app, replaces, icon, title, body, actions, hints, expires });
        u32::try_from(look(&self.0).len()).unwrap_or(u32::MAX)
    }
}

/// A private session bus: only the test's own services answer on it.
pub(crate) struct PrivateBus {
    address: String,
    daemon: Process,
    // Dropped last: it contains the socket and the configuration.
    _folder: TempDir,
}

impl PrivateBus {
    /// Starts a bus.
    ///
    /// # Errors
    ///
    /// Fails if there is no `dbus-daemon`, or it does not start.
    pub(crate) fn start() -> Outcome<Self> {
        let folder = TempDir::with_prefix("bus-")?;
        let rules = folder.path().join("rules.conf");
        // Its configuration names no service folders, so it starts no services.
        write!(
            File::create_new(&rules)?,
            "<busconfig><type>session</type><listen>unix:dir={}</listen><policy context='default'>\
             <allow send_destination='*'/><allow receive_sender='*'/><allow own='*'/></policy></busconfig>",
            folder.path().display()
        )?;
        let log = PathBuf::from(env::var("SESSION_ROOT")?).join("logs/private-bus.log");
        let mut daemon = Process(
            Command::new("dbus-daemon")
                .arg("--config-file")
                .arg(&rules)
                .args(["--nofork", "--nopidfile", "--print-address"])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(File::options().create(true).append(true).open(log)?)
                .spawn()?,
        );
        let said = daemon.0.stdout.take().ok_or_else(|| Failure::new("the bus can't be heard"))?;
        let mut address = String::new();
        BufReader::new(said).read_line(&mut address)?;
        ensure(!address.is_empty(), "the bus did not start; logs/private-bus.log says why")?;
        Ok(Self { address: address.trim().to_owned(), daemon, _folder: folder })
    }

    /// Ends the bus with all its connections.
    pub(crate) fn end(self) {
        drop(self);
    }

    /// Lets the bus answer nothing any more, though its connections stay open.
    ///
    /// # Errors
    ///
    /// Fails if the signal can't be sent.
    pub(crate) fn freeze(&self) -> Outcome<()> {
        crate::input::run("kill", &["-STOP", &self.daemon.0.id().to_string()]).map(drop)
    }

    /// The address of the bus.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

/// A simulated desktop portal on a private bus, where it also reports that the accessibility tree is wanted.
pub(crate) struct Portal {
    bus: Connection,
    askers: Record<OwnedUniqueName>,
}

impl Portal {
    /// Starts a portal that reports whether reduced motion is wanted, or that never answers.
    ///
    /// # Errors
    ///
    /// Fails if the bus does not answer.
    pub(crate) fn open(on: &PrivateBus, reduced_motion: Option<bool>) -> Outcome<Self> {
        let askers = Record::default();
        let bus = Builder::address(on.address())?
            .serve_at("/org/a11y/bus", Accessibility)?
            .name("org.a11y.Bus")?
            .serve_at("/org/freedesktop/portal/desktop", Settings { reduced_motion, askers: Arc::clone(&askers) })?
            .name("org.freedesktop.portal.Desktop")?
            .build()?;
        Ok(Self { bus, askers })
    }

    /// Whether the first caller still waits for an answer. Waits until there is a caller.
    ///
    /// # Errors
    ///
    /// Fails if nobody calls.
    pub(crate) fn is_waited_for(&self) -> Outcome<bool> {
        let asker = until("the portal to be asked", || Ok(look(&self.askers).into_iter().next()))?;
        Ok(DBusProxy::new(&self.bus)?.name_has_owner(BusName::from(asker.into_inner()))?)
    }
}

/// The path of a file chooser's dialog.
const DIALOG: &str = "/org/freedesktop/portal/desktop/request/1_1/t";

/// The program that draws a portal's dialogs, in a process of its own. It only has its name on the bus.
pub(crate) struct Backend(Connection);

impl Backend {
    /// Takes the name of a backend.
    ///
    /// # Errors
    ///
    /// Fails if the bus does not answer.
    pub(crate) fn start(on: &PrivateBus) -> Outcome<Self> {
        Ok(Self(Builder::address(on.address())?.name("org.freedesktop.impl.portal.desktop.test")?.build()?))
    }

    /// Ends it.
    pub(crate) fn end(self) -> Outcome<()> {
        Ok(self.0.close()?)
    }
}

/// A portal's file chooser that accepts each request, fails it, or never replies, and never draws anything.
pub(crate) struct FileChooser {
    bus: Connection,
    answered: Record<()>,
    /// Ends with its connection.
    serving: Option<JoinHandle<()>>,
}

/// What a file chooser does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    /// Accepts it; its dialog then stays open for ever.
    Accept,
    /// Fails it.
    Fail,
    /// Never replies.
    Never,
}

impl FileChooser {
    /// Starts a file chooser.
    ///
    /// # Errors
    ///
    /// Fails if the bus does not answer.
    pub(crate) fn open(on: &PrivateBus, reply: Reply) -> Outcome<Self> {
        let bus = Builder::address(on.address())?.build()?;
        let calls = MessageIterator::from(&bus);
        bus.request_name("org.freedesktop.portal.Desktop")?;
        let answered = Record::default();
        let (replying, done) = (bus.clone(), Arc::clone(&answered));
        let serving = std::thread::Builder::new().name("file chooser".to_owned()).spawn(move || {
            for call in calls.map_while(Result::ok) {
                if answer(&replying, &call, reply).is_ok_and(|is_dialog| is_dialog) {
                    note(&done, ());
                }
            }
        })?;
        Ok(Self { bus, answered, serving: Some(serving) })
    }

    /// Waits until this many requests for dialogs were answered, and the answers are with who asked.
    ///
    /// # Errors
    ///
    /// Fails if they are not.
    pub(crate) fn wait_for_requests(&self, times: usize) -> Outcome<()> {
        until("the portal to be asked for a dialog", || Ok((look(&self.answered).len() == times).then_some(())))
    }

    /// Reports that the dialog ended without the operator, as the portal does when the backend is gone.
    ///
    /// # Errors
    ///
    /// Fails if the bus does not answer.
    pub(crate) fn report_end(&self) -> Outcome<()> {
        const OTHERWISE: u32 = 2;
        let results = HashMap::<String, OwnedValue>::new();
        let to = Option::<&str>::None;
        Ok(self.bus.emit_signal(to, DIALOG, "org.freedesktop.portal.Request", "Response", &(OTHERWISE, results))?)
    }
}

impl Drop for FileChooser {
    fn drop(&mut self) {
        // The bus may have ended before.
        drop(self.bus.clone().close());
        drop(self.serving.take().map(JoinHandle::join));
    }
}

/// Answers a call. Returns whether it asked for a dialog.
fn answer(bus: &Connection, call: &Message, reply: Reply) -> zbus::Result<bool> {
    let header = call.header();
    if header.message_type() != message::Type::MethodCall {
        return Ok(false);
    }
    if !header.member().is_some_and(|member| matches!(member.as_str(), "SaveFile" | "OpenFile")) {
        bus.reply_error(&header, "org.freedesktop.DBus.Error.UnknownMethod", &"there is none")?;
        return Ok(false);
    }
    match reply {
        Reply::Accept => bus.reply(&header, &ObjectPath::from_static_str_unchecked(DIALOG))?,
        Reply::Fail => bus.reply_error(&header, "org.freedesktop.DBus.Error.Failed", &"there is no backend")?,
        Reply::Never => {}
    }
    // The bus handles messages in order: once it answers this one, it has passed the reply on.
    DBusProxy::new(bus)?.get_id()?;
    Ok(true)
}

/// A bus's accessibility service, which reports that the tree is wanted.
pub(crate) struct AccessibilityService {
    _bus: Connection,
}

impl AccessibilityService {
    /// Starts the service.
    ///
    /// # Errors
    ///
    /// Fails if the bus does not answer.
    pub(crate) fn start(on: &PrivateBus) -> Outcome<Self> {
        let bus =
            Builder::address(on.address())?.serve_at("/org/a11y/bus", Accessibility)?.name("org.a11y.Bus")?.build()?;
        Ok(Self { _bus: bus })
    }
}

struct Accessibility;

#[zbus::interface(name = "org.a11y.Status")]
impl Accessibility {
    #[zbus(property)]
    #[expect(clippy::unused_self, reason = "a property belongs to an object")]
    fn is_enabled(&self) -> bool {
        true
    }
}

struct Settings {
    reduced_motion: Option<bool>,
    askers: Record<OwnedUniqueName>,
}

#[zbus::interface(name = "org.freedesktop.portal.Settings")]
impl Settings {
    async fn read_all(
        &self,
        namespaces: Vec<String>,
        #[zbus(header)] header: Header<'_>,
    ) -> HashMap<String, HashMap<String, OwnedValue>> {
        if let Some(asker) = header.sender() {
            note(&self.askers, asker.to_owned().into());
        }
        let Some(reduced_motion) = self.reduced_motion else { pending().await };
        let space = "org.freedesktop.appearance";
        let settings = [("color-scheme", 0), ("reduced-motion", u32::from(reduced_motion))];
        let values = settings.map(|(name, value)| (name.to_owned(), OwnedValue::from(value)));
        // Returns only the requested namespaces, as the real portal does.
        let asked = namespaces.iter().any(|asked| asked == space);
        asked.then(|| (space.to_owned(), HashMap::from(values))).into_iter().collect()
    }
}
