//! The section of `Settings` about the network: the proxy for connections, and a file with a certificate authority.

use egui::{Id, Key, Rect, Ui, pos2, vec2};

use crate::settings::{Address, Preferences, ProxyChoice};
use crate::ui::theme::TextRole;
use crate::ui::theme::palette::Palette;
use crate::ui::widgets;
use crate::ui::widgets::text_field::{Field, Mark, choice};

use super::line::begin;

/// The space for a sentence below a field: two lines of small text.
const BELOW: f32 = 34.0;

/// The selected kind of proxy. A typed address is kept while another kind is selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProxyKind {
    Environment,
    None,
    Address,
}

impl ProxyKind {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Environment, "Environment"), (Self::None, "No proxy"), (Self::Address, "Address")];

    fn of(proxy: &ProxyChoice) -> Self {
        match proxy {
            ProxyChoice::System => Self::Environment,
            ProxyChoice::None => Self::None,
            ProxyChoice::Address(_) => Self::Address,
        }
    }
}

/// The form's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Network {
    kind: ProxyKind,
    address: String,
    authority: String,
    /// The error in the address, shown once its field loses the focus.
    error: Option<String>,
}

impl Network {
    /// The form with the present settings.
    pub(crate) fn new(preferences: &Preferences) -> Self {
        let authority = preferences.authority_file.as_ref();
        let address = match &preferences.proxy {
            ProxyChoice::Address(address) => address.to_string(),
            ProxyChoice::System | ProxyChoice::None => String::new(),
        };
        Self {
            kind: ProxyKind::of(&preferences.proxy),
            error: preferences.proxy.url().err().map(|error| error.to_string()),
            address,
            authority: authority.map(|path| path.display().to_string()).unwrap_or_default(),
        }
    }

    /// Updates what the operator is not editing, after the settings have changed elsewhere.
    pub(crate) fn refresh(&mut self, before: &Preferences, after: &Preferences) {
        let new = Self::new(after);
        if before.proxy != after.proxy {
            (self.kind, self.error) = (new.kind, new.error);
            if new.kind == ProxyKind::Address {
                self.address = new.address;
            }
        }
        if before.authority_file != after.authority_file {
            self.authority = new.authority;
        }
    }

    /// The selected proxy; `None` if the address is invalid.
    fn choice(&mut self) -> Option<ProxyChoice> {
        let choice = match self.kind {
            ProxyKind::Environment => ProxyChoice::System,
            ProxyKind::None => ProxyChoice::None,
            ProxyKind::Address => ProxyChoice::Address(Address::new(&self.address)),
        };
        self.error = choice.url().err().map(|error| error.to_string());
        self.error.is_none().then_some(choice)
    }
}

/// Draws the section. Choices take effect at a click, typed text when its field loses the focus or at Enter.
pub(crate) fn show(ui: &mut Ui, network: &mut Network, new: &mut Preferences) {
    let mut at = begin(ui, "Proxy");
    for (kind, words) in ProxyKind::ALL {
        let response = choice(ui, at, Mark::Radio(network.kind == kind), words, true);
        if response.clicked() {
            network.kind = kind;
            // The address is not typed yet, so its error waits until the field loses the focus.
            match network.choice() {
                Some(choice) => new.proxy = choice,
                None if network.address.is_empty() => network.error = None,
                None => {}
            }
        }
        at.x = response.rect.right() + 16.0;
    }
    let typing = network.kind == ProxyKind::Address;
    let wrong = network.error.clone();
    let (example, purpose) =
        ("http://proxy.example.com:3128", "For the socket, REST calls and downloads; not for this computer.");
    if line(ui, "Proxy address", example, purpose, &mut network.address, typing, wrong.as_deref())
        && let Some(choice) = network.choice()
    {
        new.proxy = choice;
    }
    let (example, purpose) = (
        "/etc/ssl/our-authority.pem",
        "Certificate authorities to trust beside the system's: a file in PEM or DER form (.pem, .crt, .cer).",
    );
    if line(ui, "Authority file", example, purpose, &mut network.authority, true, None) {
        let path = network.authority.trim();
        new.authority_file = (!path.is_empty()).then(|| path.into());
    }
}

/// Draws a field with a sentence below it: its error, or else its purpose. Returns whether the typed text takes effect now.
fn line(
    ui: &mut Ui,
    words: &'static str,
    example: &str,
    purpose: &str,
    typed: &mut String,
    enabled: bool,
    wrong: Option<&str>,
) -> bool {
    let palette = Palette::of(ui.style());
    let at = begin(ui, words);
    let width = (ui.max_rect().right() - at.x).max(96.0);
    let place = Rect::from_min_size(pos2(at.x, at.y - 14.0), vec2(width, 28.0));
    let id = Id::unique(("settings", words));
    let wrong = wrong.filter(|_sentence| enabled);
    let field =
        Field { hint: example, face: TextRole::Mono, enabled, has_error: wrong.is_some(), ..Field::new(id, words) };
    let response = field.show(ui, place, typed);
    let entered = response.has_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    let ink = if wrong.is_some() { palette.failed } else { palette.muted };
    let sentence = wrong.unwrap_or(purpose);
    let galley = widgets::paragraph(ui, sentence, TextRole::Small, ink, width);
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), galley.size().y.max(BELOW / 2.0) + 6.0));
    let below = Rect::from_min_size(pos2(at.x, rect.top()), galley.size());
    ui.painter().galley(below.min, galley, ink);
    if wrong.is_some() {
        widgets::alert(ui, below, sentence);
    } else {
        widgets::label(ui, below, words, sentence);
    }
    response.lost_focus() || entered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unedited_fields_follow_the_settings_and_edited_ones_stay() {
        let before = Preferences::default();
        let mut network = Network::new(&before);
        network.authority = "half a pa".to_owned();
        let after = Preferences { proxy: ProxyChoice::from_text("http://p:3128"), ..before.clone() };
        network.refresh(&before, &after);
        assert_eq!((network.kind, network.address.as_str()), (ProxyKind::Address, "http://p:3128"));
        assert_eq!(network.authority, "half a pa");
    }

    #[test]
    fn an_invalid_address_is_no_choice() {
        let mut network = Network::new(&Preferences::default());
        assert_eq!(network.choice(), Some(ProxyChoice::System));
        network.kind = ProxyKind::Address;
        for address in ["", "proxy", "http://me:secret@proxy:3128"] {
            address.clone_into(&mut network.address);
            assert_eq!(network.choice(), None, "{address}");
            assert!(network.error.as_ref().is_some_and(|sentence| sentence.ends_with('.')), "{address}");
        }
        "http://proxy:3128".clone_into(&mut network.address);
        assert_eq!(network.choice(), Some(ProxyChoice::from_text("http://proxy:3128")));
        assert_eq!(network.error, None);
    }
}
