//! What the operator asks of the engine.

use std::path::PathBuf;

use secrecy::SecretString;

use crate::activity::export_record::Format;
use crate::activity::{ActivityKey, Filter, Incomplete, Seq, StatusFilter};
use crate::protocol::{AuthorizationToken, CommandId, DataKey, RequestId, StoredData};
use crate::settings::{PreferenceChange, Profile, ProfileId, SavingChange};

/// A wish of the operator. Sent on a bounded channel: where that is full, the window says that the engine is busy.
#[derive(Debug, Clone)]
pub enum Action {
    /// Sign a profile in and connect it. A profile that the settings do not know yet is added once it has signed in.
    SignIn(Box<SignIn>),
    /// Sign a profile in for this run only: the settings are left as they are.
    Visit(Box<SignIn>),
    /// Give up signing in.
    CancelSignIn(ProfileId),
    /// Start the embedded sandbox, add its profile and connect.
    TrySandbox,
    /// Connect an offline profile with the token that it has.
    Connect(ProfileId),
    /// Leave the channel and stay offline.
    Disconnect(ProfileId),
    /// Do not wait for the next attempt.
    RetryNow(ProfileId),
    /// Ask for a new token.
    RenewToken(ProfileId),
    /// Forget the token.
    SignOut {
        /// Whose.
        profile: ProfileId,
        /// Whether the server is told to revoke it as well.
        revoke: bool,
    },
    /// Take everything that the journal has of the profile out of it, and off the disk. The profile stays signed in and
    /// connected; answered by [`crate::engine::Event::Forgotten`].
    ForgetProfile(ProfileId),
    /// The operator has read a notice: it is not told again at the next start.
    NoticeRead {
        /// Whose it was, where it was a profile's.
        profile: Option<ProfileId>,
        /// The whole sentence, as the engine told it.
        sentence: String,
    },
    /// Take the profile out of the settings and its token out of the keyring.
    RemoveProfile(ProfileId),
    /// Accept messages up to this many bytes from now on.
    SetMessageLimit(usize),
    /// Fetch ready data with one GET into a file.
    Download {
        /// Whose.
        profile: ProfileId,
        /// Which.
        request: RequestId,
        /// The whole path that the operator chose.
        to: PathBuf,
    },
    /// Fetch the data of several requests into one folder, what expires first in front. Payloads that came inline are
    /// saved as well. Names come from the server or from what is known, and never replace a file: ` (2)`.
    DownloadAll {
        /// Whose.
        profile: ProfileId,
        /// Which: those that the window shows as ready or inline.
        requests: Vec<RequestId>,
        /// Where to.
        folder: PathBuf,
    },
    /// Look again whether there is room for a download that waits for it ([`crate::engine::DownloadStage::NoRoom`]). It looks by itself every
    /// two seconds.
    ResumeDownload {
        /// Whose.
        profile: ProfileId,
        /// Which.
        request: RequestId,
    },
    /// Save a download that waits for room to another place. Where it is receiving already it stays where it is.
    MoveDownload {
        /// Whose.
        profile: ProfileId,
        /// Which.
        request: RequestId,
        /// The whole path that the operator chose.
        to: PathBuf,
    },
    /// Stop a download. One that waits for its turn leaves the queue and its link stays good; of one that has begun the
    /// link is used up.
    CancelDownload {
        /// Whose.
        profile: ProfileId,
        /// Which.
        request: RequestId,
    },
    /// Write the payload that came inline into a file.
    SaveInline {
        /// Whose.
        profile: ProfileId,
        /// Which.
        request: RequestId,
        /// The whole path that the operator chose.
        to: PathBuf,
        /// Its first and its last entry, if they are known: without them the journal finds it only if it was not saved yet.
        span: Option<(Seq, Seq)>,
    },
    /// Write a message of bytes into a file. How it went is a notice.
    SaveMessage {
        /// Whose.
        profile: ProfileId,
        /// Which.
        key: ActivityKey,
        /// The whole path that the operator chose.
        to: PathBuf,
        /// Its first and its last entry, if they are known.
        span: Option<(Seq, Seq)>,
    },
    /// Read one page of the profile's data tokens; answered by [`crate::engine::Event::DataTokens`]. A page has
    /// [`DATA_TOKENS_A_PAGE`] rows; whoever searches asks for one page after the other until all have come.
    ListDataTokens {
        /// Whose.
        profile: ProfileId,
        /// Which page, from 1.
        page: u32,
    },
    /// Request stored data, one request each. What comes of it is a row each: `Preparing` from the server's answer on. What
    /// is refused is a notice.
    RequestData {
        /// Whose.
        profile: ProfileId,
        /// What, as the list had it: its names are remembered for suggestions.
        data: Vec<StoredData>,
        /// The folder that the data is saved to as soon as it is ready; `None` to leave that to the operator. Like all
        /// saving without a click this fetches from expected hosts only: see [`LinkPermission::Automatic`].
        folder: Option<PathBuf>,
    },
    /// Request the data of a request once more, where its data token is known
    /// ([`crate::activity::Activity::can_request_again`]). It comes under a new request id.
    RequestAgain {
        /// Whose.
        profile: ProfileId,
        /// The request whose data is wanted again.
        request: RequestId,
        /// Its first and its last entry, if they are known: without them the journal finds it only while it is open.
        span: Option<(Seq, Seq)>,
    },
    /// Change what is done with a profile's ready data.
    ChangeSaving {
        /// Whose.
        profile: ProfileId,
        /// What changes.
        change: SavingChange,
    },
    /// Allow a host that a link leads to; the remedy of the notice that said why it was not fetched.
    AllowHost {
        /// Whose.
        profile: ProfileId,
        /// The host, as the link has it.
        host: String,
        /// What is allowed.
        permission: LinkPermission,
    },
    /// Take the key of a profile's payloads, 64 hex digits of the operator's ([`DataKey::from_hex`]); answered by
    /// [`crate::engine::ProfileStatus::data_key`]. Payloads are decrypted with it where [`crate::settings::DownloadSettings::decrypt`] says so.
    SetDataKey {
        /// Whose.
        profile: ProfileId,
        /// The key; `None` forgets it.
        key: Option<DataKey>,
        /// Whether the keyring keeps it; otherwise it is known for this session, and the keyring forgets an older one.
        keep: bool,
    },
    /// The operator has read that a link was refused at its first GET; until then it is told again at each start.
    WarningRead {
        /// Whose.
        profile: ProfileId,
        /// Which.
        request: RequestId,
    },
    /// Ask the server for the state of commands, one after the other. The first that can't be asked for ends it.
    CheckStatus {
        /// Whose.
        profile: ProfileId,
        /// Which.
        commands: Vec<CommandId>,
    },
    /// Ask the server for every command of a gap that is still open. Answers come as entries.
    Reconcile {
        /// Whose.
        profile: ProfileId,
        /// The gap: an [`ActivityKey::Gap`].
        gap: ActivityKey,
    },
    /// Name activities; an empty label takes the name away.
    Label {
        /// Whose.
        profile: ProfileId,
        /// Which.
        keys: Vec<ActivityKey>,
        /// The name.
        label: String,
    },
    /// Follow commands before they are heard of.
    Track {
        /// Whose.
        profile: ProfileId,
        /// Which.
        commands: Vec<CommandId>,
        /// A name for all of them, if there is one.
        label: Option<String>,
    },
    /// Read every entry of one activity from the journal; answered by [`crate::engine::Event::History`].
    History {
        /// Whose.
        profile: ProfileId,
        /// Which.
        key: ActivityKey,
        /// Its first entry that the window knows of.
        from: Seq,
        /// Its last.
        to: Seq,
    },
    /// Search the journal for activities that are not in memory; answered by [`crate::engine::Event::Found`]. Another search of the
    /// same profile ends it.
    SearchOlder {
        /// Whose.
        profile: ProfileId,
        /// The number of the search, which its answers have.
        search: u32,
        /// What they have to be like.
        filter: Filter,
        /// What they have to count as.
        status_filter: StatusFilter,
        /// Activities whose first entries are before this one are searched.
        before: Seq,
    },
    /// Stop searching the journal.
    CancelSearch(ProfileId),
    /// Read texts whole of which the window has the beginning; answered by [`crate::engine::Event::WholeTexts`].
    ReadTexts {
        /// Whose.
        profile: ProfileId,
        /// Of which activities.
        rows: Vec<CutText>,
    },
    /// Read the earlier entries of rows that came back into memory; answered by [`crate::engine::Event::ReadBack`].
    ReadBack {
        /// Whose.
        profile: ProfileId,
        /// Which, and where their entries are.
        rows: Vec<Incomplete>,
    },
    /// Read the messages of one activity with their secrets, but for credentials, because the operator asks to see them;
    /// answered by [`crate::engine::Event::Revealed`].
    Reveal {
        /// Whose.
        profile: ProfileId,
        /// Which.
        key: ActivityKey,
        /// Its first entry that is shown.
        from: Seq,
        /// Its last.
        to: Seq,
    },
    /// Write what the journal has into a file, which is there once it is whole. How it went is a notice.
    Export(Box<Export>),
    /// Cancel the export under way; no file is written.
    CancelExport,
    /// Open a saved file with the system's program for it.
    OpenFile(PathBuf),
    /// Show a saved file in the system's file manager.
    ShowInFolder(PathBuf),
    /// Change preferences, in this order. Only what is named changes, whatever else has changed meanwhile.
    ChangePreferences {
        /// Larger than that of every such action before; 0 for one that nobody waits for. Once it is done it is in
        /// [`crate::engine::EngineStatus::preferences_change`].
        number: u64,
        /// What changes.
        changes: Vec<PreferenceChange>,
    },
    /// Leave every channel, commit and stop; answered by [`crate::engine::Event::Stopped`].
    Quit,
}

/// How many data tokens a page has.
pub const DATA_TOKENS_A_PAGE: u32 = 100;

/// What an operator can allow for a host that links lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPermission {
    /// Fetching without encryption.
    Unencrypted,
    /// Fetching although it is this machine or in a private network, and the profile's API is not.
    Private,
    /// Fetching without a click.
    Automatic,
}

/// A text of which the window has the beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutText {
    /// The activity that it is of.
    pub key: ActivityKey,
    /// Its first entry that the window knows of.
    pub from: Seq,
    /// Its last.
    pub to: Seq,
    /// How the text begins.
    pub begins: String,
}

/// What is exported, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// One profile; `None` for all of them.
    pub profile: Option<ProfileId>,
    /// The form of the lines.
    pub format: Format,
    /// What rows have to be like.
    pub filter: Filter,
    /// What rows have to count as.
    pub status_filter: StatusFilter,
    /// One line a message received, in order of arrival, instead of one an activity.
    pub messages: bool,
    /// Whether CSV begins with a byte order mark, by which spreadsheets know UTF-8.
    pub bom: bool,
    /// The activities that these entries are of, and no others; `None` for all.
    pub rows: Option<Vec<Seq>>,
    /// The whole path that the operator chose.
    pub to: PathBuf,
}

/// How a profile signs in.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// The profile, as the form has it.
    pub profile: Profile,
    /// The proof.
    pub credential: Credential,
}

/// The proof that a sign-in gives. Its `Debug` shows nothing of it.
#[derive(Debug, Clone)]
pub enum Credential {
    /// The profile's password; the user name is in the profile.
    Password(SecretString),
    /// A token that the operator has from elsewhere.
    Token(AuthorizationToken),
}
