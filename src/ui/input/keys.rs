//! Maps keys to commands. Single letters work only while no text field has the focus. Keys that also activate a focused widget
//! work only if nothing or the table has the focus.

use egui::{Context, Event, FocusDirection, Key, KeyboardShortcut, Modifiers, Popup};

use crate::ui::frame::commands::UiCommand;
use crate::ui::profile_tab::ProfileTab;
use crate::ui::profile_tab::rows::table_id;
use crate::ui::view_state::table::Move;

/// What the keys of one frame request.
#[derive(Debug, Default)]
pub(crate) struct KeyInput {
    /// The commands, in the order of `UiCommand::ALL`.
    pub commands: Vec<UiCommand>,
    /// Whether Escape was pressed and not used by anything else.
    pub escape: bool,
}

/// What has the focus when the keys are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Focus {
    /// Whether a text field had the focus at the start of the frame.
    pub in_text: bool,
    /// Whether a dialog is open.
    pub in_dialog: bool,
}

/// Consumes the keys of this frame.
pub(crate) fn read(ctx: &Context, profile_tab: Option<&mut ProfileTab>, focus: Focus) -> KeyInput {
    let mut asked = KeyInput::default();
    if focus.in_dialog || Popup::is_any_open(ctx) {
        return asked;
    }
    let Some(profile_tab) = profile_tab else {
        for command in UiCommand::with_keys().filter(|command| command.why_not(None).is_none()) {
            if consume(ctx, command) {
                asked.commands.push(command);
            }
        }
        asked.escape = escape(ctx);
        return asked;
    };
    let table = table_id(profile_tab);
    let focused = ctx.memory(egui::Memory::focused);
    let at_table = focused.is_none_or(|focused| focused == table);
    for command in UiCommand::with_keys() {
        let here = match command {
            UiCommand::CopyRows | UiCommand::SelectAll => !focus.in_text,
            _ if command.presses() => !focus.in_text && at_table,
            _ if command.types() => !focus.in_text,
            _ => true,
        };
        if here && (consume(ctx, command) || (command == UiCommand::CopyRows && copies(ctx))) {
            asked.commands.push(command);
        }
    }
    if !focus.in_text {
        if ctx.input_mut(|input| input.consume_key(Modifiers::SHIFT, Key::F10)) {
            profile_tab.table.open_menu();
        }
        let arrows =
            !focused.zip(profile_tab.details.as_ref()).is_some_and(|(focused, details)| details.takes_arrows(focused));
        rows(ctx, profile_tab, arrows);
    }
    asked.escape = escape(ctx);
    asked
}

fn consume(ctx: &Context, command: UiCommand) -> bool {
    // Plus is on the key of equals on most keyboards, so it also works without Shift.
    let also = (command == UiCommand::Larger).then(|| KeyboardShortcut::new(Modifiers::COMMAND, Key::Equals));
    let mut keys = command.key().into_iter().chain(also);
    keys.any(|key| ctx.input_mut(|input| input.consume_shortcut(&key)))
}

/// Whether the system's copy command was used, by whatever key.
fn copies(ctx: &Context) -> bool {
    ctx.input(|input| input.events.iter().any(|event| matches!(event, Event::Copy)))
}

fn escape(ctx: &Context) -> bool {
    ctx.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape))
}

/// Moves through the rows. `arrows` is whether the arrow keys are not used by anything else.
fn rows(ctx: &Context, profile_tab: &mut ProfileTab, arrows: bool) {
    const KEYS: [(Key, Move); 6] = [
        (Key::ArrowUp, Move::By(-1)),
        (Key::ArrowDown, Move::By(1)),
        (Key::PageUp, Move::Page(-1)),
        (Key::PageDown, Move::Page(1)),
        (Key::Home, Move::First),
        (Key::End, Move::Last),
    ];
    let mut moved = false;
    for (key, way) in KEYS.into_iter().filter(|(_, way)| arrows || !matches!(way, Move::By(_))) {
        for extend in [true, false] {
            let modifiers = if extend { Modifiers::SHIFT } else { Modifiers::NONE };
            let presses = ctx.input_mut(|input| input.count_and_consume_key(modifiers, key));
            for _ in 0..presses {
                let ProfileTab { table, activities, view, .. } = profile_tab;
                table.step(way, extend, activities, view);
                moved = true;
            }
        }
    }
    if moved {
        let id = table_id(profile_tab);
        ctx.memory_mut(|memory| {
            // The arrow key was used, so it must not also move the focus.
            memory.move_focus(FocusDirection::None);
            memory.request_focus(id);
        });
        if let Some(row) = profile_tab.table.cursor()
            && profile_tab.details.is_some()
        {
            profile_tab.open_details(row);
        }
    }
}
