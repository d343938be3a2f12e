//! What the operator can ask the engine to do.

use std::path::PathBuf;

use secrecy::SecretString;

use crate::activity::export_record::Format;
use crate::activity::{ActivityKey, Filter, Incomplete, Seq, StatusFilter};
use crate::protocol::{AuthorizationToken, CommandId, DataKey, RequestId, StoredData};
use crate::settings::{PreferenceChange, Profile, ProfileId, SavingChange};

/// A request of the operator. It is sent on a bounded channel; if that is full, the window reports that the engine is busy.
#[derive(Debug, Clone)]
pub enum Action {
    /// Sign a profile in and connect it. A profile that is not in the settings yet is added after it has signed in.
    SignIn(Box<SignIn>),
    /// Sign a profile in for this run only, without changing the settings.
    SignInEphemeral(Box<SignIn>),
    /// Cancel signing in.
    CancelSignIn(ProfileId),
    /// Start the embedded sandbox, add its profile and connect.
    TrySandbox,
    /// Connect an offline profile with the token that it has.
    Connect(ProfileId),
    /// Leave the channel and stay offline.
    Disconnect(ProfileId),
    /// Do not wait for the next attempt.
    RetryNow(ProfileId),
    /// Request a new token.
    RenewToken(ProfileId),
    /// Delete the token.
    SignOut {
        /// The profile to sign out.
        profile: ProfileId,
        /// Whether to ask the server to revoke the token as well.
        revoke: bool,
    },
    /// Delete all history of the profile from the journal and from the disk. The profile stays signed in and connected. The
    /// answer is [`crate::engine::Event::HistoryCleared`].
    ClearHistory(ProfileId),
    /// The operator has dismissed a notice, so the next start does not show it again.
    DismissNotice {
        /// The profile that the notice was about, if any.
        profile: Option<ProfileId>,
        /// The whole sentence of the notice, exactly as the engine emitted it.
        sentence: String,
    },
    /// Remove the profile from the settings and its token from the keyring.
    RemoveProfile(ProfileId),
    /// Set the largest message to accept from now on, in bytes.
    SetMessageLimit(usize),
    /// Download ready data into a file, with one GET.
    Download {
        /// The profile that the request belongs to.
        profile: ProfileId,
        /// The request whose data is downloaded.
        request: RequestId,
        /// The full path that the operator chose.
        to: PathBuf,
    },
    /// Download the data of several requests into one folder, the earliest expiry first. Inline payloads are saved as well.
    /// File names come from the server or from the request; they never replace a file, but get a suffix such as ` (2)`.
    DownloadAll {
        /// The profile that the requests belong to.
        profile: ProfileId,
        /// The requests that the window shows as ready or inline.
        requests: Vec<RequestId>,
        /// The destination folder.
        folder: PathBuf,
    },
    /// Check again now whether the disk has space for a download that waits for it
    /// ([`crate::engine::DownloadStage::NoSpace`]). The engine checks by itself every two seconds.
    ResumeDownload {
        /// The profile that the request belongs to.
        profile: ProfileId,
        /// The request whose download waits for disk space.
        request: RequestId,
    },
    /// Save a download that waits for disk space to another path. A download that is already receiving keeps its path.
    MoveDownload {
        /// The profile that the request belongs to.
        profile: ProfileId,
        /// The request whose download is moved.
        request: RequestId,
        /// The full path that the operator chose.
        to: PathBuf,
    },
    /// Stop a download. A queued download leaves the queue and its link stays usable; the link of a download that has begun
    /// is used up.
    CancelDownload {
        /// The profile that the request belongs to.
        profile: ProfileId,
        /// The request whose download is stopped.
        request: RequestId,
    },
    /// Write an inline payload into a file.
    SaveInline {
        /// The profile that the request belongs to.
        profile: ProfileId,
        /// The request whose payload is saved.
        request: RequestId,
        /// The full path that the operator chose.
        to: PathBuf,
        /// The first and the last entry of the request, if known. Without them the journal finds the payload only if it was
        /// not saved yet.
        span: Option<(Seq, Seq)>,
    },
    /// Write the bytes of a binary message into a file. A notice reports the result.
    SaveMessage {
        /// The profile that the message belongs to.
        profile: ProfileId,
        /// The activity of the message.
        key: ActivityKey,
        /// The full path that the operator chose.
        to: PathBuf,
        /// The first and the last entry of the activity, if known.
        span: Option<(Seq, Seq)>,
    },
    /// Read one page of the profile's data tokens; the answer is [`crate::engine::Event::DataTokens`]. A page has
    /// [`DATA_TOKENS_PER_PAGE`] rows. A search requests one page after another until it has all of them.
    ListDataTokens {
        /// The profile whose data tokens are listed.
        profile: ProfileId,
        /// The page number, from 1.
        page: u32,
    },
    /// Request stored data, with one request per item. Each accepted request becomes a row, `Preparing` from the server's
    /// answer on; each refusal becomes a notice.
    RequestData {
        /// The profile that the data belongs to.
        profile: ProfileId,
        /// The items, as the list showed them. Their names are stored for suggestions.
        data: Vec<StoredData>,
        /// The folder into which the data is saved automatically when it is ready; `None` if the operator saves it. Like
        /// every automatic download this uses expected hosts only: see [`LinkPermission::Automatic`].
        folder: Option<PathBuf>,
    },
    /// Request the data of an earlier request again, if its data token is known
    /// ([`crate::activity::Activity::can_request_again`]). The data arrives under a new request id.
    RequestAgain {
        /// The profile that the request belongs to.
        profile: ProfileId,
        /// The request whose data is requested again.
        request: RequestId,
        /// The first and the last entry of the request, if known. Without them the journal finds the request only while it
        /// is open.
        span: Option<(Seq, Seq)>,
    },
    /// Change how a profile's ready data is saved.
    ChangeSaving {
        /// The profile to change.
        profile: ProfileId,
        /// The change.
        change: SavingChange,
    },
    /// Allow a host that a link points to. This is the remedy of the notice that reports why the link was not fetched.
    AllowHost {
        /// The profile that may use the host.
        profile: ProfileId,
        /// The host as it is written in the link.
        host: String,
        /// The permission that the host gets.
        permission: LinkPermission,
    },
    /// Set the key of a profile's payloads, 64 hex digits that the operator enters ([`DataKey::from_hex`]).
    /// [`crate::engine::ProfileStatus::data_key`] shows the result. The key decrypts payloads if
    /// [`crate::settings::DownloadSettings::decrypt`] is on.
    SetDataKey {
        /// The profile that the key belongs to.
        profile: ProfileId,
        /// The key; `None` deletes it.
        key: Option<DataKey>,
        /// Whether the keyring stores the key. If not, the key lasts for this run and an older one is deleted from the
        /// keyring.
        persist: bool,
    },
    /// The operator has acknowledged that a link was refused at its first GET. Until then each start shows the warning
    /// again.
    AcknowledgeWarning {
        /// The profile that the request belongs to.
        profile: ProfileId,
        /// The request whose link was refused.
        request: RequestId,
    },
    /// Check the status of commands on the server, one after another. The first check that fails ends the series.
    CheckStatus {
        /// The profile that the commands belong to.
        profile: ProfileId,
        /// The commands to check.
        commands: Vec<CommandId>,
    },
    /// Check the status of every command of a gap that is still open. The answers arrive as entries.
    Reconcile {
        /// The profile that the gap belongs to.
        profile: ProfileId,
        /// The gap: an [`ActivityKey::Gap`].
        gap: ActivityKey,
    },
    /// Set the label of activities; an empty label removes it.
    SetLabel {
        /// The profile that the activities belong to.
        profile: ProfileId,
        /// The activities to label.
        keys: Vec<ActivityKey>,
        /// The label.
        label: String,
    },
    /// Track commands before any message mentions them.
    TrackCommands {
        /// The profile that the commands belong to.
        profile: ProfileId,
        /// The commands to track.
        commands: Vec<CommandId>,
        /// A label for all of them, if any.
        label: Option<String>,
    },
    /// Read all entries of one activity from the journal; the answer is [`crate::engine::Event::History`].
    History {
        /// The profile that the activity belongs to.
        profile: ProfileId,
        /// The activity.
        key: ActivityKey,
        /// The first entry of the activity that the window knows of.
        from: Seq,
        /// The last entry of the activity that the window knows of.
        to: Seq,
    },
    /// Search the journal for activities that are not in memory; the answer is [`crate::engine::Event::SearchResults`]. A new search
    /// of the same profile ends the previous one.
    SearchOlder {
        /// The profile to search.
        profile: ProfileId,
        /// The number of the search; its answers carry it.
        search: u32,
        /// The filter that activities have to match.
        filter: Filter,
        /// The status that activities have to match.
        status_filter: StatusFilter,
        /// Only activities whose first entry is before this one are searched.
        before: Seq,
    },
    /// Stop searching the journal.
    CancelSearch(ProfileId),
    /// Read the full texts of which the window has only the beginning; the answer is [`crate::engine::Event::FullTexts`].
    ReadTexts {
        /// The profile that the activities belong to.
        profile: ProfileId,
        /// The activities whose texts are read.
        rows: Vec<CutText>,
    },
    /// Read the earlier entries of rows that are in memory again; the answer is [`crate::engine::Event::EarlierEntries`].
    ReadEarlierEntries {
        /// The profile that the rows belong to.
        profile: ProfileId,
        /// The rows, each with the range of its entries.
        rows: Vec<Incomplete>,
    },
    /// Read the messages of one activity with their secrets, except credentials, because the operator asks to see them. The
    /// answer is [`crate::engine::Event::Revealed`].
    Reveal {
        /// The profile that the activity belongs to.
        profile: ProfileId,
        /// The activity.
        key: ActivityKey,
        /// The first entry of the activity that is shown.
        from: Seq,
        /// The last entry of the activity that is shown.
        to: Seq,
    },
    /// Export from the journal into a file. The file appears only after it is complete. A notice reports the result.
    Export(Box<ExportRequest>),
    /// Cancel the export in progress; no file is written.
    CancelExport,
    /// Open a saved file with the system's default application.
    OpenFile(PathBuf),
    /// Show a saved file in the system's file manager.
    ShowInFolder(PathBuf),
    /// Change preferences, in this order. Only the named preferences change, so concurrent changes of others are kept.
    ChangePreferences {
        /// Larger than the number of every earlier action of this kind; 0 if nobody waits for it. Once the change is made,
        /// [`crate::engine::EngineStatus::preferences_change`] has this number.
        number: u64,
        /// The changes.
        changes: Vec<PreferenceChange>,
    },
    /// Leave every channel, commit and stop; the answer is [`crate::engine::Event::Stopped`].
    Quit,
}

/// The number of data tokens per page.
pub const DATA_TOKENS_PER_PAGE: u32 = 100;

/// What an operator can allow for a host that links point to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPermission {
    /// Fetch without encryption.
    Unencrypted,
    /// Fetch although the host is this machine or in a private network, and the profile's API is not.
    Private,
    /// Fetch automatically, without a click.
    Automatic,
}

/// A text of which the window has only the beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutText {
    /// The activity that the text belongs to.
    pub key: ActivityKey,
    /// The first entry of the activity that the window knows of.
    pub from: Seq,
    /// The last entry of the activity that the window knows of.
    pub to: Seq,
    /// The beginning of the text.
    pub beginning: String,
}

/// What to export, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportRequest {
    /// The profile to export; `None` for all of them.
    pub profile: Option<ProfileId>,
    /// The output format.
    pub format: Format,
    /// The filter that rows have to match.
    pub filter: Filter,
    /// The status that rows have to match.
    pub status_filter: StatusFilter,
    /// One line per received message, in order of arrival, instead of one line per activity.
    pub messages: bool,
    /// Whether CSV begins with a byte order mark, from which spreadsheets detect UTF-8.
    pub bom: bool,
    /// Export only the activities that these entries belong to; `None` for all.
    pub rows: Option<Vec<Seq>>,
    /// The full path that the operator chose.
    pub to: PathBuf,
}

/// How a profile signs in.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// The profile as entered in the form.
    pub profile: Profile,
    /// The password or token to sign in with.
    pub credential: Credential,
}

/// The password or token of a sign-in. Its `Debug` output shows nothing of it.
#[derive(Debug, Clone)]
pub enum Credential {
    /// The profile's password; the user name is in the profile.
    Password(SecretString),
    /// A token that the operator obtained elsewhere.
    Token(AuthorizationToken),
}
