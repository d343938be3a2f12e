//! The help dialog (F1): every keyboard shortcut, and the operator's guide.

use egui::{Ui, pos2, vec2};

use crate::ui::frame::commands::UiCommand;
use crate::ui::frame::dialog_frame::{InitialFocus, buttons, pane};
use crate::ui::frame::help_page::HelpPage;
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::theme::TextRole;
use crate::ui::theme::palette::Palette;
use crate::ui::widgets;

/// The guide: headings, each with its text.
const GUIDE: [(&str, &str); 11] = [
    (
        "What you see",
        "Each command and each data request of a profile is one row, updated in place: Pending until its outcome comes, then \
         Succeeded or Failed with the reason. Privicore sends each outcome once; it is on disk here before it appears.",
    ),
    (
        "The connection",
        "The words at the top right always show the connection’s state. After an interruption the monitor reconnects \
         automatically, for as long as it takes. Only a refused token needs you: sign in again.",
    ),
    (
        "What may be missing",
        "A time without a connection is a row of its own. What was open during it is checked over REST; Reconcile checks it \
         again. The status bar says how every known id ended; click it for the list.",
    ),
    (
        "Finding",
        "Type into the filter, or press 1 to 6. The command palette finds commands, labels and ids by a few letters. A \
         date, as in since:2026-11-30, is the day that the table shows. Search older… in the status bar looks through the \
         journal for what is not in memory.",
    ),
    (
        "Following",
        "New rows come in at the top. Scroll away and nothing moves under the pointer: the button that counts what is new \
         leads back. Space pauses the view; messages are still received.",
    ),
    (
        "Understanding",
        "Press I for Insight: the number of messages, why commands failed, and how long they took, over the last hour, six \
         hours or day. A click on a reason shows the commands that failed for it.",
    ),
    (
        "Ready data",
        "Ready means that there is a link that works once, for a time. Download asks where to save first and uses the link \
         once. The file is there whole or not at all.",
    ),
    (
        "Several rows",
        "Shift with the arrows selects several rows, Ctrl a single one more. Copy, label or check them together, by key or \
         from the menu of the row.",
    ),
    (
        "Spreadsheets",
        "Copied and exported cells run no formula. A spreadsheet that opens CSV by itself changes ids which look like numbers \
         or dates: import that column as text. Excel wants the byte order mark.",
    ),
    (
        "Several profiles",
        "Each has a tab with its own connection. A tab says how many rows are new in it and how many of those failed. \
         Errors in one do not affect the others.",
    ),
    (
        "Secrets",
        "The token is kept in the system keyring if you asked for it; links are stored encrypted. Neither can be read in a \
         file, a log or an export.",
    ),
];

/// Draws the dialog's content. `fresh` is whether the dialog has just opened.
pub(crate) fn show(ui: &mut Ui, page: HelpPage, fresh: bool, frame: &mut FrameContext) {
    pane(ui, 224.0, 120.0).id_salt(page.title()).show(ui, |ui| match page {
        HelpPage::Shortcuts => shortcuts(ui),
        HelpPage::Guide => guide(ui),
    });
    let (other, words) = match page {
        HelpPage::Shortcuts => (HelpPage::Guide, "Guide"),
        HelpPage::Guide => (HelpPage::Shortcuts, "Shortcuts"),
    };
    if buttons(ui, words, "Close", if fresh { InitialFocus::Cancel } else { InitialFocus::None }, frame) {
        frame.request(UiRequest::ShowHelp(other));
    }
}

fn shortcuts(ui: &mut Ui) {
    let command = ui.ctx().format_modifiers(egui::Modifiers::COMMAND);
    let lines: Vec<(String, String)> = UiCommand::with_keys()
        // The nine profile shortcuts share one line below.
        .filter(|command| !matches!(command, UiCommand::Profile(_)))
        .filter_map(|command| Some((command.words(), ui.ctx().format_shortcut(&command.key()?))))
        .collect();
    let by_hand = [
        ("Profile 1 to 9", format!("{command}+1 … 9")),
        ("Move through the rows", "↑ ↓ PgUp PgDn Home End".to_owned()),
        ("Extend the selection", "Shift".to_owned()),
        ("Menu of the row", "Shift+F10".to_owned()),
        ("Fold, unfold and go through JSON", "← → ↑ ↓".to_owned()),
        ("Back, one step at a time", "Esc".to_owned()),
    ];
    for (words, key) in &lines {
        shortcut(ui, words, key, true);
    }
    for (words, key) in &by_hand {
        shortcut(ui, words, key, false);
    }
}

/// Draws one line: a description and its key, drawn as key caps if it is a single chord.
fn shortcut(ui: &mut Ui, words: &str, key: &str, chord: bool) {
    let palette = Palette::of(ui.style());
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 26.0));
    let middle = rect.center().y;
    widgets::text(ui, pos2(rect.left(), middle), words, TextRole::Body, palette.text, rect.width());
    let right = pos2(rect.right(), middle);
    if chord {
        widgets::key_caps(ui, right, key);
    } else {
        widgets::text_right(ui, right, key, TextRole::Small, palette.secondary);
    }
    widgets::label(ui, rect, words, &format!("{words}: {key}"));
}

fn guide(ui: &mut Ui) {
    let palette = Palette::of(ui.style());
    for (heading, words) in GUIDE {
        let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 22.0));
        let at = pos2(rect.left(), rect.center().y);
        let text = widgets::text(ui, at, heading, TextRole::Strong, palette.text, rect.width());
        widgets::heading(ui, text, heading);
        crate::ui::frame::dialog_frame::paragraph(ui, words);
    }
}
