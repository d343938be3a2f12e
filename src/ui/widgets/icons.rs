//! The icons of the window, from Material Symbols Rounded. Each stands for one state or action.

use egui_material_icons::icons as symbols;

use crate::activity::{Kind, Status, StatusFilter};
use crate::engine::{ConnectionState, Severity};
use crate::ui::theme::palette::Palette;

/// An icon: its glyph, and which of the two fonts draws it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Icon {
    /// The text that the font draws as the icon.
    pub glyph: &'static str,
    /// Whether the filled font draws it.
    pub filled: bool,
}

const fn outlined(icon: egui_material_icons::MaterialIcon) -> Icon {
    Icon { glyph: icon.codepoint, filled: false }
}

const fn filled(icon: egui_material_icons::MaterialIcon) -> Icon {
    Icon { glyph: icon.codepoint, filled: true }
}

pub(crate) const ADD: Icon = outlined(symbols::ICON_ADD);
pub(crate) const ARROW_DOWN: Icon = outlined(symbols::ICON_ARROW_DOWNWARD);
pub(crate) const ARROW_UP: Icon = outlined(symbols::ICON_ARROW_UPWARD);
pub(crate) const CHECK: Icon = outlined(symbols::ICON_CHECK);
pub(crate) const CHEVRON_RIGHT: Icon = outlined(symbols::ICON_CHEVRON_RIGHT);
pub(crate) const CLOSE: Icon = outlined(symbols::ICON_CLOSE);
pub(crate) const COPY: Icon = outlined(symbols::ICON_CONTENT_COPY);
pub(crate) const DOWNLOADING: Icon = outlined(symbols::ICON_DOWNLOADING);
pub(crate) const DOWNLOAD: Icon = outlined(symbols::ICON_DOWNLOAD);
pub(crate) const ERROR: Icon = filled(symbols::ICON_DANGEROUS);
pub(crate) const EXPAND_LESS: Icon = outlined(symbols::ICON_EXPAND_LESS);
pub(crate) const EXPAND_MORE: Icon = outlined(symbols::ICON_EXPAND_MORE);
pub(crate) const EYE: Icon = outlined(symbols::ICON_VISIBILITY);
pub(crate) const EYE_OFF: Icon = outlined(symbols::ICON_VISIBILITY_OFF);
pub(crate) const CLEAR_HISTORY: Icon = outlined(symbols::ICON_DELETE_SWEEP);
pub(crate) const UNPERSISTED: Icon = outlined(symbols::ICON_SD_CARD_ALERT);
pub(crate) const FOLDER: Icon = outlined(symbols::ICON_FOLDER_OPEN);
pub(crate) const FOLLOW: Icon = outlined(symbols::ICON_VERTICAL_ALIGN_TOP);
pub(crate) const KEY: Icon = outlined(symbols::ICON_KEY);
pub(crate) const KEY_OFF: Icon = outlined(symbols::ICON_KEY_OFF);
pub(crate) const KEYBOARD: Icon = outlined(symbols::ICON_KEYBOARD);
pub(crate) const INFO: Icon = outlined(symbols::ICON_INFO);
pub(crate) const LABEL: Icon = outlined(symbols::ICON_LABEL);
pub(crate) const LIVE_EMPTY: Icon = outlined(symbols::ICON_SENSORS);
pub(crate) const LOCK: Icon = outlined(symbols::ICON_LOCK);
pub(crate) const MENU: Icon = outlined(symbols::ICON_MORE_HORIZ);
pub(crate) const PAUSE: Icon = filled(symbols::ICON_PAUSE);
pub(crate) const RESUME: Icon = filled(symbols::ICON_PLAY_ARROW);
pub(crate) const PROFILE: Icon = outlined(symbols::ICON_PERSON);
pub(crate) const READY: Icon = filled(symbols::ICON_DOWNLOAD_FOR_OFFLINE);
pub(crate) const RENEW: Icon = outlined(symbols::ICON_AUTORENEW);
pub(crate) const REQUEST: Icon = outlined(symbols::ICON_SYSTEM_UPDATE_ALT);
pub(crate) const RETRY: Icon = outlined(symbols::ICON_SYNC);
pub(crate) const RETRY_PROBLEM: Icon = outlined(symbols::ICON_SYNC_PROBLEM);
pub(crate) const SANDBOX: Icon = outlined(symbols::ICON_SCIENCE);
pub(crate) const SAVED: Icon = outlined(symbols::ICON_BOOKMARK);
pub(crate) const COLUMNS: Icon = outlined(symbols::ICON_VIEW_COLUMN);
pub(crate) const INSIGHT: Icon = outlined(symbols::ICON_MONITORING);
pub(crate) const NARROWER: Icon = outlined(symbols::ICON_CHEVRON_LEFT);
pub(crate) const WIDER: Icon = outlined(symbols::ICON_CHEVRON_RIGHT);
pub(crate) const SEARCH: Icon = outlined(symbols::ICON_SEARCH);
pub(crate) const SELECT_ALL: Icon = outlined(symbols::ICON_SELECT_ALL);
pub(crate) const SENT: Icon = outlined(symbols::ICON_SEND);
pub(crate) const SIGN_OUT: Icon = outlined(symbols::ICON_LOGOUT);
pub(crate) const SPLIT: Icon = outlined(symbols::ICON_CALL_SPLIT);
pub(crate) const CLOUD_OFF: Icon = outlined(symbols::ICON_CLOUD_OFF);
pub(crate) const CONNECT: Icon = outlined(symbols::ICON_LINK);
pub(crate) const THEME_DARK: Icon = outlined(symbols::ICON_DARK_MODE);
pub(crate) const THEME_LIGHT: Icon = outlined(symbols::ICON_LIGHT_MODE);
pub(crate) const THEME_SYSTEM: Icon = outlined(symbols::ICON_CONTRAST);
pub(crate) const ARTICLE: Icon = outlined(symbols::ICON_ARTICLE);
pub(crate) const COMPLETENESS: Icon = outlined(symbols::ICON_FACT_CHECK);
pub(crate) const CONTRADICTED: Icon = outlined(symbols::ICON_COMPARE_ARROWS);
pub(crate) const GAP: Icon = filled(symbols::ICON_WARNING);
pub(crate) const EXPORT: Icon = outlined(symbols::ICON_IOS_SHARE);
pub(crate) const ACTUAL_SIZE: Icon = outlined(symbols::ICON_FIT_SCREEN);
pub(crate) const LARGER: Icon = outlined(symbols::ICON_ZOOM_IN);
pub(crate) const SMALLER: Icon = outlined(symbols::ICON_ZOOM_OUT);
pub(crate) const SETTINGS: Icon = outlined(symbols::ICON_SETTINGS);
pub(crate) const LATE: Icon = outlined(symbols::ICON_ALARM);
pub(crate) const WAITING: Icon = outlined(symbols::ICON_SCHEDULE);
pub(crate) const TRACK: Icon = outlined(symbols::ICON_PLAYLIST_ADD_CHECK);
pub(crate) const CHECK_STATUS: Icon = outlined(symbols::ICON_HELP);

/// The icon of a kind of activity.
pub(crate) fn kind(kind: Kind) -> Icon {
    match kind {
        Kind::Command => outlined(symbols::ICON_TERMINAL),
        Kind::Data => outlined(symbols::ICON_DATABASE),
        Kind::Message => outlined(symbols::ICON_MAIL),
        Kind::Gap => filled(symbols::ICON_WARNING),
    }
}

/// The icon of a status, and its colour.
pub(crate) fn status(status: Status, palette: &Palette) -> (Icon, egui::Color32) {
    match status {
        Status::Pending => (outlined(symbols::ICON_SCHEDULE), palette.pending),
        Status::Preparing => (outlined(symbols::ICON_HOURGLASS_TOP), palette.pending),
        Status::Succeeded => (filled(symbols::ICON_CHECK_CIRCLE), palette.succeeded),
        Status::Saved => (outlined(symbols::ICON_DOWNLOAD_DONE), palette.succeeded),
        Status::Failed => (filled(symbols::ICON_DANGEROUS), palette.failed),
        Status::Ready => (filled(symbols::ICON_DOWNLOAD_FOR_OFFLINE), palette.ready),
        Status::Downloading => (outlined(symbols::ICON_DOWNLOADING), palette.ready),
        Status::Inline => (outlined(symbols::ICON_ATTACH_FILE), palette.ready),
        Status::LinkExpired => (outlined(symbols::ICON_TIMER_OFF), palette.other),
        Status::LinkUsed => (outlined(symbols::ICON_LINK_OFF), palette.other),
        Status::Unknown => (outlined(symbols::ICON_HELP), palette.other),
        Status::Gap => (filled(symbols::ICON_WARNING), palette.gap),
        Status::UnrecognisedNumber(_) | Status::Unrecognised => (outlined(symbols::ICON_QUESTION_MARK), palette.other),
    }
}

/// The icon of a status filter, and its colour; `All` and `Other` have none.
pub(crate) fn status_filter(status_filter: StatusFilter, palette: &Palette) -> Option<(Icon, egui::Color32)> {
    match status_filter {
        StatusFilter::All | StatusFilter::Other => None,
        StatusFilter::Pending => Some(status(Status::Pending, palette)),
        StatusFilter::Succeeded => Some(status(Status::Succeeded, palette)),
        StatusFilter::Failed => Some(status(Status::Failed, palette)),
        StatusFilter::Ready => Some(status(Status::Ready, palette)),
    }
}

/// The mark that shows a connection's state beside its text.
pub(crate) enum Mark {
    /// A filled circle of 8 px.
    Disc(egui::Color32),
    /// An outlined circle of 8 px.
    Ring(egui::Color32),
    /// An icon.
    Icon(Icon, egui::Color32),
}

/// The mark of a connection's state.
pub(crate) fn connection(state: &ConnectionState, palette: &Palette) -> Mark {
    match state {
        ConnectionState::SignedOut => Mark::Ring(palette.other),
        ConnectionState::Connecting | ConnectionState::Joining => Mark::Ring(palette.pending),
        ConnectionState::Live => Mark::Disc(palette.succeeded),
        ConnectionState::Reconnecting { .. } => Mark::Icon(RETRY, palette.gap),
        ConnectionState::TokenRefused { .. } => Mark::Icon(KEY_OFF, palette.failed),
        ConnectionState::Offline | ConnectionState::Leaving => Mark::Icon(CLOUD_OFF, palette.other),
    }
}

/// The icon of a notice, and its colour.
pub(crate) fn severity(severity: Severity, palette: &Palette) -> (Icon, egui::Color32) {
    match severity {
        Severity::Info => (INFO, palette.secondary),
        Severity::Warning => (filled(symbols::ICON_WARNING), palette.gap),
        Severity::Error => (filled(symbols::ICON_DANGEROUS), palette.failed),
    }
}
