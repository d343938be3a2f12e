//! Signing in: the form's fields, its errors, and the action that the engine receives.

use egui::Key;
use egui::accesskit::Role;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use privicore_monitor::engine::{Action, Credential, SignIn, SignInError, SignInState};
use privicore_monitor::settings::Theme;
use privicore_monitor::ui::Prefill;

use super::harness::{Window, ops};

fn signed_in(actions: Vec<Action>) -> SignIn {
    match <[Action; 1]>::try_from(actions) {
        Ok([Action::SignIn(sign_in)]) => *sign_in,
        other => panic!("not one sign-in: {other:?}"),
    }
}

/// Fills in the form for `ops`, except the password.
fn fill(window: &mut Window) {
    for (name, text) in [
        ("Profile name", "ops"),
        ("API address", "https://cab.example.com"),
        ("WebSocket address", "wss://ws.example.com"),
        ("Download address", "https://download.example.com"),
        ("Username", "ops@example.com"),
    ] {
        retype(window, name, text);
    }
}

fn retype(window: &mut Window, name: &str, text: &str) {
    window.find(Role::TextInput, name).focus();
    window.run();
    window.key_with(egui::Modifiers::COMMAND, Key::A);
    window.harness.event(egui::Event::Text(text.to_owned()));
    window.run();
}

#[test]
fn with_no_profile_the_form_is_open_with_every_field_and_the_first_has_the_focus() {
    for size in [[1280.0, 800.0], [800.0, 500.0]] {
        let mut window = Window::silent(size, Prefill::default());
        window.settings(Vec::new(), Theme::Dark);
        window.run();
        for name in ["Profile name", "API address", "WebSocket address", "Download address", "Username"] {
            let field = window.find(Role::TextInput, name).rect();
            assert!(field.bottom() < size[1] - 24.0, "{name} is out of sight at {size:?}");
        }
        assert!(window.has(Role::PasswordInput, "Password"), "no password at {size:?}");
        for name in ["Sign in", "Try the sandbox"] {
            let button = window.find(Role::Button, name).rect();
            assert!(button.bottom() < size[1] - 24.0, "{name} is out of sight at {size:?}");
        }
        assert!(window.find(Role::TextInput, "Profile name").is_focused(), "the first field has no focus at {size:?}");
        assert!(!window.has(Role::Button, "Cancel"), "there is nothing to cancel yet");
        assert!(window.reads("Connection: Signed out"), "the state is not told");
    }
}

#[test]
fn signing_in_with_a_password_tells_the_engine_what_was_typed() {
    let mut window = Window::unknown();
    fill(&mut window);
    window.type_into(Role::PasswordInput, "Password", "open sesame");
    window.press("Sign in");
    let sign_in = signed_in(window.actions());
    assert_eq!(sign_in.profile.name, "ops");
    assert_eq!(sign_in.profile.api.as_str(), "https://cab.example.com");
    assert_eq!(sign_in.profile.websocket.as_str(), "wss://ws.example.com");
    assert_eq!(sign_in.profile.download.as_str(), "https://download.example.com");
    assert_eq!(sign_in.profile.username, "ops@example.com");
    assert!(sign_in.profile.keep_signed_in, "keeping is the default");
    let Credential::Password(password) = &sign_in.credential else { panic!("not a password") };
    assert_eq!(password_length(password), "open sesame".len());
}

/// The test can't read a secret, but it can check that there is one.
fn password_length(password: &secrecy::SecretString) -> usize {
    #[expect(clippy::disallowed_methods, reason = "a test looks at its own made-up password")]
    secrecy::ExposeSecret::expose_secret(password).len()
}

#[test]
fn enter_submits_from_any_field() {
    let mut window = Window::unknown();
    fill(&mut window);
    window.type_into(Role::PasswordInput, "Password", "p");
    window.key(Key::Enter);
    signed_in(window.actions());
}

#[test]
fn a_token_can_be_given_instead_of_a_password() {
    let mut window = Window::unknown();
    fill(&mut window);
    window.click(Role::RadioButton, "Authorization token");
    assert!(!window.has(Role::PasswordInput, "Password"), "the password is still asked for");
    window.type_into(Role::PasswordInput, "Authorization token", " T-1 ");
    window.click(Role::CheckBox, "Keep me signed in (system keyring)");
    window.press("Sign in");
    let sign_in = signed_in(window.actions());
    let Credential::Token(token) = &sign_in.credential else { panic!("not a token") };
    assert_eq!(token.expose(), "T-1", "the spaces around a pasted token are not part of it");
    assert_eq!(sign_in.profile.username, "", "a token names no user");
    assert!(!sign_in.profile.keep_signed_in, "the mark was taken away");
}

#[test]
fn a_stored_token_is_renewed_unless_the_box_is_unchecked() {
    let mut window = Window::unknown();
    fill(&mut window);
    assert!(window.has(Role::CheckBox, "Renew automatically"), "{:?}", window.all(Role::CheckBox));
    window.click(Role::CheckBox, "Keep me signed in (system keyring)");
    assert!(!window.has(Role::CheckBox, "Renew automatically"), "a token of one sitting is left to end");
    window.click(Role::CheckBox, "Keep me signed in (system keyring)");
    window.click(Role::CheckBox, "Renew automatically");
    window.type_into(Role::PasswordInput, "Password", "demo");
    window.press("Sign in");
    let sign_in = signed_in(window.actions());
    assert!(sign_in.profile.keep_signed_in && !sign_in.profile.renew_automatically, "the mark was taken away");
}

#[test]
fn an_error_is_shown_under_its_field_and_nothing_is_sent() {
    let mut window = Window::unknown();
    fill(&mut window);
    retype(&mut window, "API address", "cab.example.com");
    assert!(window.all(Role::Alert).is_empty(), "nothing is wrong before it is submitted");
    window.press("Sign in");
    assert!(window.actions().is_empty(), "the engine was asked all the same");
    let alerts = window.all(Role::Alert);
    assert_eq!(
        alerts,
        ["This is not an address. Enter one like https://cab.example.com.", "Enter the password."],
        "the mistakes"
    );
    assert!(window.find(Role::TextInput, "API address").is_focused(), "the first mistake is pointed at");
    retype(&mut window, "API address", "https://cab.example.com");
    assert_eq!(window.all(Role::Alert), ["Enter the password."], "a mended mistake goes at once");
}

#[test]
fn an_unencrypted_remote_address_needs_consent_for_its_host() {
    let mut window = Window::unknown();
    fill(&mut window);
    window.type_into(Role::PasswordInput, "Password", "p");
    let allow = "Allow unencrypted connection to 10.0.0.9";
    assert!(!window.has(Role::CheckBox, allow), "asked for consent where none is needed");
    retype(&mut window, "WebSocket address", "ws://10.0.0.9:8083");
    window.press("Sign in");
    assert!(window.actions().is_empty(), "signed in without consent");
    assert!(window.all(Role::Alert).iter().any(|words| words.contains("10.0.0.9")), "{:?}", window.all(Role::Alert));
    window.click(Role::CheckBox, allow);
    window.press("Sign in");
    assert_eq!(signed_in(window.actions()).profile.allow_unencrypted, ["10.0.0.9"]);
}

#[test]
fn while_the_server_is_asked_the_form_waits_and_can_be_cancelled() {
    let mut window = Window::unknown();
    fill(&mut window);
    window.type_into(Role::PasswordInput, "Password", "p");
    window.press("Sign in");
    let profile = signed_in(window.actions()).profile.id;
    assert!(window.find(Role::Button, "Sign in").accesskit_node().is_disabled(), "it could be pressed twice");
    window.press("Cancel");
    assert!(matches!(&*window.actions(), [Action::CancelSignIn(id)] if *id == profile), "the engine was not told");
    window.sign_in_is(profile, SignInState::Cancelled);
    window.run();
    assert!(!window.has(Role::Button, "Cancel"), "still waiting");
}

#[test]
fn a_refusal_is_shown_and_the_typed_values_stay() {
    let mut window = Window::unknown();
    fill(&mut window);
    window.type_into(Role::PasswordInput, "Password", "wrong");
    window.press("Sign in");
    let profile = signed_in(window.actions()).profile.id;
    let refused = SignInError::PasswordRefused { words: "Invalid credentials".to_owned(), odd: None };
    window.sign_in_is(profile, SignInState::Failed(refused.clone().into()));
    window.run();
    assert_eq!(window.all(Role::Alert), [refused.to_string()]);
    let username = window.find(Role::TextInput, "Username").accesskit_node().value();
    assert_eq!(username.as_deref(), Some("ops@example.com"));
    assert!(window.find(Role::PasswordInput, "Password").is_focused(), "the password is what has to be mended");
}

#[test]
fn a_profile_that_has_signed_in_comes_to_the_front_and_its_password_is_gone() {
    let mut window = Window::unknown();
    fill(&mut window);
    window.type_into(Role::PasswordInput, "Password", "p");
    window.press("Sign in");
    let profile = signed_in(window.actions()).profile;
    let id = profile.id;
    window.settings(vec![profile], Theme::Dark);
    window.sign_in_is(id, SignInState::Done);
    window.run();
    assert!(window.has(Role::Button, "Profile ops"), "no tab");
    assert!(window.has(Role::Table, "Activity"), "no table");
    assert!(!window.has(Role::TextInput, "Username"), "the form is still there");
}

#[test]
fn a_password_is_hidden_until_it_is_revealed() {
    let mut window = Window::unknown();
    window.type_into(Role::PasswordInput, "Password", "p");
    window.press("Show password");
    assert!(window.has(Role::PasswordInput, "Password"), "shown, it is a password still");
    window.press("Hide password");
}

#[test]
fn the_environment_fills_the_form() {
    let prefill = Prefill {
        api: Some("http://localhost:8009".to_owned()),
        websocket: Some("ws://localhost:8083".to_owned()),
        username: Some("demo@example.com".to_owned()),
        password: Some("demo".to_owned().into()),
    };
    assert!(!format!("{prefill:?}").contains("demo\""), "the password shows in Debug");
    let mut window = Window::silent([1280.0, 800.0], prefill);
    window.settings(Vec::new(), Theme::Dark);
    window.run();
    window.press("Sign in");
    let sign_in = signed_in(window.actions());
    assert_eq!(sign_in.profile.username, "demo@example.com");
    assert_eq!(sign_in.profile.name, "demo", "a name is made of the user's where none is given");
}

#[test]
fn a_signed_out_profile_shows_its_own_form() {
    let mut window = Window::live();
    let profile = window.id();
    window.status(profile, |status| status.connection = Some(privicore_monitor::engine::ConnectionState::SignedOut));
    window.run();
    let username = window.find(Role::TextInput, "Username").accesskit_node().value();
    assert_eq!(username.as_deref(), Some("ops@example.com"));
    window.type_into(Role::PasswordInput, "Password", "p");
    window.press("Sign in");
    assert_eq!(signed_in(window.actions()).profile.id, profile, "another profile would be added");
}

#[test]
fn two_profiles_cannot_have_one_name() {
    let mut window = Window::live();
    window.press("Add profile");
    fill(&mut window);
    window.type_into(Role::PasswordInput, "Password", "p");
    window.press("Sign in");
    assert!(window.actions().is_empty(), "two tabs could not be told apart");
    assert_eq!(window.all(Role::Alert), ["Another profile is called ops. Enter another name."]);
    window.key(Key::Escape);
    window.key(Key::Escape);
    assert!(window.has(Role::Table, "Activity"), "Escape does not lead back");
}

#[test]
fn the_sandbox_is_one_press_away() {
    let mut window = Window::unknown();
    window.press("Try the sandbox");
    assert!(matches!(&*window.actions(), [Action::TrySandbox]), "not asked for");
    let sandbox = privicore_monitor::settings::Profile { name: "sandbox".to_owned(), ..ops() };
    window.settings(vec![sandbox], Theme::Dark);
    window.run();
    assert!(window.has(Role::Button, "Profile sandbox"), "the sandbox has no tab");
    assert!(window.harness.query_by_label("New profile").is_none(), "the empty form is still there");
}

#[test]
fn a_busy_engine_is_reported_and_the_form_can_be_submitted_again() {
    let mut window = Window::unknown();
    fill(&mut window);
    window.type_into(Role::PasswordInput, "Password", "p");
    window.busy(true);
    window.press("Sign in");
    assert!(window.all(Role::Alert).iter().any(|words| words.contains("busy")), "{:?}", window.all(Role::Alert));
    window.busy(false);
    window.press("Sign in");
    signed_in(window.actions());
}
