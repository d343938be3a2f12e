//! Gives each frame at most one press, so that none is lost when frames are slow.
//!
//! egui hands everything that was entered since the last frame to the next one. What a press opens, selects or closes exists
//! only after that frame, so a second press in it is understood as if the first had not been made: of two Escapes one has no
//! effect, and an Enter right after a click on a row does not open the row.

use std::collections::VecDeque;

use egui::{Event, RawInput};

/// Input that waits for a later frame, in order.
#[derive(Debug, Default)]
pub(crate) struct PressQueue {
    waiting: VecDeque<Event>,
}

impl PressQueue {
    /// Leaves in `input` what the next frame gets. Returns whether something waits for another frame.
    ///
    /// `typing` says whether a text field has the focus: what is typed into it stays together, because the field takes any
    /// number of characters in a frame.
    pub(crate) fn admit(&mut self, input: &mut RawInput, typing: bool) -> bool {
        self.waiting.extend(input.events.drain(..));
        let mut last_press = None;
        while let Some(event) = self.waiting.front() {
            let types = typing && matches!(self.waiting.get(1), Some(Event::Text(_)));
            let press = Press::of(event, types);
            if let (Some(earlier), Some(press)) = (last_press, press)
                && !(earlier == press && press.can_be_repeated())
            {
                break;
            }
            last_press = press.or(last_press);
            input.events.extend(self.waiting.pop_front());
        }
        !self.waiting.is_empty()
    }
}

/// What changes the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Press {
    Key,
    /// A key that enters a character in a text field.
    Character,
    Pointer,
    /// An action of a screen reader.
    Accessibility,
}

impl Press {
    /// `None` for what only follows a press or moves. A held key is one press: frames that lag behind its repetitions would
    /// go on after it was let go.
    fn of(event: &Event, types: bool) -> Option<Self> {
        match event {
            Event::Key { pressed: true, repeat: false, .. } if types => Some(Self::Character),
            Event::Key { pressed: true, repeat: false, .. } | Event::Copy | Event::Cut | Event::Paste(_) => {
                Some(Self::Key)
            }
            Event::PointerButton { pressed: true, .. } => Some(Self::Pointer),
            Event::AccessKitActionRequest(_) => Some(Self::Accessibility),
            _ => None,
        }
    }

    /// Whether a frame can take several: a field takes any number of characters, and two clicks may be a double click.
    fn can_be_repeated(self) -> bool {
        matches!(self, Self::Character | Self::Pointer)
    }
}

#[cfg(test)]
mod tests {
    use egui::{Key, Modifiers, PointerButton, Pos2};

    use super::*;

    fn key(key: Key, pressed: bool) -> Event {
        Event::Key { key, physical_key: None, pressed, repeat: false, modifiers: Modifiers::NONE }
    }

    fn button(pressed: bool) -> Event {
        Event::PointerButton { pos: Pos2::ZERO, button: PointerButton::Primary, pressed, modifiers: Modifiers::NONE }
    }

    fn repeated(key: Key) -> Event {
        Event::Key { key, physical_key: None, pressed: true, repeat: true, modifiers: Modifiers::NONE }
    }

    /// What the following frames get of this input, until nothing waits.
    fn frames(events: Vec<Event>, typing: bool) -> Vec<Vec<Event>> {
        let mut queue = PressQueue::default();
        let mut frames = Vec::new();
        let mut input = RawInput { events, ..RawInput::default() };
        loop {
            let waits = queue.admit(&mut input, typing);
            frames.push(std::mem::take(&mut input.events));
            if !waits {
                return frames;
            }
        }
    }

    #[test]
    fn two_escapes_between_two_frames_are_two_presses() {
        let escape = || [key(Key::Escape, true), key(Key::Escape, false)];
        let events = [escape(), escape()].concat();
        assert_eq!(frames(events, false), [escape(), escape()]);
    }

    #[test]
    fn a_key_after_a_click_finds_what_the_click_selected() {
        let click = vec![Event::PointerMoved(Pos2::ZERO), button(true), button(false)];
        let enter = vec![key(Key::Enter, true)];
        assert_eq!(frames([click.clone(), enter.clone()].concat(), false), [click, enter]);
    }

    #[test]
    fn a_double_click_stays_in_one_frame() {
        let clicks = vec![button(true), button(false), button(true), button(false)];
        assert_eq!(frames(clicks.clone(), false), [clicks]);
    }

    #[test]
    fn typed_text_stays_together_and_the_key_after_it_comes_next() {
        let letter = |letter: Key, text: &str| vec![key(letter, true), Event::Text(text.into()), key(letter, false)];
        let text = [letter(Key::A, "a"), letter(Key::B, "b")].concat();
        let enter = vec![key(Key::Enter, true), key(Key::Enter, false)];
        let events = [text.clone(), enter.clone()].concat();
        assert_eq!(frames(events.clone(), true), [text, enter.clone()]);
        // Without a text field, each letter is a command.
        assert_eq!(frames(events, false), [letter(Key::A, "a"), letter(Key::B, "b"), enter]);
    }

    #[test]
    fn text_after_a_tab_is_for_the_next_field() {
        let tab = vec![key(Key::Tab, true), key(Key::Tab, false)];
        let text = vec![key(Key::A, true), Event::Text("a".into())];
        assert_eq!(frames([tab.clone(), text.clone()].concat(), true), [tab, text]);
    }

    #[test]
    fn a_held_key_does_not_queue_its_repetitions() {
        let held = [vec![key(Key::ArrowDown, true)], vec![repeated(Key::ArrowDown); 50]].concat();
        assert_eq!(frames(held.clone(), false), [held]);
    }

    #[test]
    fn input_that_waits_keeps_its_place_before_what_comes_later() {
        let mut queue = PressQueue::default();
        let mut input = RawInput { events: vec![key(Key::A, true), key(Key::B, true)], ..RawInput::default() };
        assert!(queue.admit(&mut input, false));
        assert_eq!(input.events, [key(Key::A, true)]);
        input.events = vec![key(Key::C, true)];
        assert!(queue.admit(&mut input, false));
        assert_eq!(input.events, [key(Key::B, true)]);
        input.events.clear();
        assert!(!queue.admit(&mut input, false));
        assert_eq!(input.events, [key(Key::C, true)]);
    }
}
