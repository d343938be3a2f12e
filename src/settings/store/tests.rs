use std::path::{Path, PathBuf};
use std::{fs, io};

use toml::{Table, Value};

use crate::settings::address::Address;
use crate::settings::directories::Directories;
use crate::settings::error::SettingsError;
use crate::settings::layout::{
    ColumnLayout, InsightLayout, InsightSpan, SavedFilter, SortLayout, TableColumn, TableLayout, Times,
};
use crate::settings::limits::limits;
use crate::settings::profile::{DownloadSettings, Profile, ProfileId};
use crate::settings::proxy::ProxyChoice;
use crate::settings::{Motion, Preferences, Settings, Theme, WindowGeometry, atomic};

use super::*;

fn directories() -> (tempfile::TempDir, Directories) {
    let root = tempfile::tempdir().unwrap();
    let directories = Directories::at(root.path().join("data"), root.path().join("config")).unwrap();
    (root, directories)
}

fn layout() -> TableLayout {
    let columns = [(TableColumn::Id, Some(300)), (TableColumn::FirstSeen, None)];
    TableLayout {
        columns: columns.map(|(column, width)| ColumnLayout { column, width }).to_vec(),
        sort: Some(SortLayout { column: TableColumn::Took, descending: true }),
        filter: "status:failed -\"a \\\"b\\\"\" /x\\/y/".to_owned(),
    }
}

fn settings() -> Settings {
    Settings {
        preferences: Preferences {
            theme: Theme::Dark,
            message_limit: 4 * 1024 * 1024,
            link_lifetime: 60,
            rows_in_memory: 20_000,
            downloads_at_once: 5,
            idle_limit: 30,
            retention_days: 7,
            retention_bytes: 5_000_000_000,
            times: Times { relative: true, utc: true, milliseconds: false },
            looks: [(ProfileId::from_u128(7), layout())].into(),
            insight: InsightLayout { open: true, span: InsightSpan::SixHours },
            saved_filters: vec![SavedFilter { name: "\"failed\" = 'now'".to_owned(), layout: layout() }],
            scale: 150,
            notify_failed: false,
            notify_ready: false,
            motion: Motion::Reduced,
            window: Some(WindowGeometry { width: 1_400, height: 900, maximised: true }),
            last_folder: Some(PathBuf::from("/home/ünï \"quoted\"/\\back")),
            proxy: ProxyChoice::from_text("http://proxy.example.com:3128"),
            authority_file: Some(PathBuf::from("/etc/ünï/ca.pem")),
        },
        profiles: vec![
            Profile {
                name: "ops = \"[x]\"\nsecond line".to_owned(),
                username: "ops@example.com".to_owned(),
                allow_unencrypted: vec!["10.0.0.1".to_owned()],
                saving: DownloadSettings {
                    folder: Some(PathBuf::from("/srv/in")),
                    automatic_hosts: vec!["data.example.com".to_owned()],
                    private_hosts: vec!["nas.local".to_owned()],
                    decrypt: true,
                },
                ..Profile::default()
            },
            Profile { name: "監査 🔎".to_owned(), keep_signed_in: false, ..Profile::default() },
        ],
    }
}

#[test]
fn saved_settings_are_read_back() {
    let (_root, directories) = directories();
    let (store, before, notice) = Store::open(&directories);
    assert_eq!((before, notice), (Settings::default(), None), "a first start has defaults and nothing to say");
    store.save(&settings()).unwrap();
    // `Default` creates random ids, so compare with what was saved.
    let (_, first, _) = Store::open(&directories);
    store.save(&first).unwrap();
    let (_, second, notice) = Store::open(&directories);
    assert_eq!(second, first);
    assert_eq!(notice, None);
    let expected = settings();
    assert_eq!(second.preferences, expected.preferences);
    let names = |settings: &Settings| settings.profiles.iter().map(|p| p.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&second), names(&expected));
}

/// The files in the folder besides the settings.
fn backups(directories: &Directories) -> Vec<PathBuf> {
    let files = fs::read_dir(directories.config()).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| !path.ends_with(FILE)).collect()
}

const TWO_PROFILES: &str = r#"
[preferences]
theme = "dark"
scale = 150

[[profiles]]
id = "5b0e7f3e-6f8c-4d43-9f6f-7b1b3a1f4f10"
name = "ops"
api = "https://one.example.com"

[profiles.saving]
decrypt = true

[[profiles]]
id = "5b0e7f3e-6f8c-4d43-9f6f-7b1b3a1f4f11"
name = "audit"
keep_signed_in = false
"#;

#[test]
fn an_invalid_value_alone_falls_back_and_stays_in_the_file_until_changed() {
    for (right, wrong, path) in [
        ("theme = \"dark\"", "theme = \"pink\"", "preferences.theme"),
        ("theme = \"dark\"", "theme = 7", "preferences.theme"),
        ("scale = 150", "scale = -1", "preferences.scale"),
        ("scale = 150", "scale = \"many\"", "preferences.scale"),
        ("scale = 150", "scale = 99999999", "preferences.scale"),
        ("scale = 150", "scale = 300", "preferences.scale"),
        ("scale = 150", "downloads_at_once = 0", "preferences.downloads_at_once"),
        ("scale = 150", "message_limit = 1.5", "preferences.message_limit"),
        ("scale = 150", "times = { utc = \"yes\", relative = true }", "preferences.times.utc"),
        ("scale = 150", "insight = true", "preferences.insight"),
        ("scale = 150", "window = { width = 900 }", "preferences.window"),
        (
            "scale = 150",
            "saved_filters = [{ filter = \"a\" }, { name = \"b\", filter = \"c\" }]",
            "preferences.saved_filters",
        ),
        ("scale = 150", "looks = { nobody = {} }", "preferences.looks.nobody"),
        ("name = \"ops\"", "name = [\"ops\"]", "name of the profile"),
        ("api = \"https://one.example.com\"", "api = 5", "api of the profile ops"),
        ("decrypt = true", "decrypt = \"yes\"", "saving.decrypt of the profile ops"),
        ("decrypt = true", "automatic_hosts = [\"a\", 5]", "saving.automatic_hosts of the profile ops"),
        ("keep_signed_in = false", "keep_signed_in = \"no\"", "keep_signed_in of the profile audit"),
    ] {
        let (_root, directories) = directories();
        let file = directories.config().join(FILE);
        let text = TWO_PROFILES.replace(right, wrong);
        fs::write(&file, &text).unwrap();
        let (_, read, message) = Store::open_read_only(&directories).unwrap();
        let (store, settings, notice) = Store::open(&directories);
        assert_eq!((&read, &message), (&settings, &notice), "{wrong}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text, "reading {wrong} changed the file");
        assert_eq!(backups(&directories), Vec::<PathBuf>::new(), "{wrong}");
        let notice = notice.unwrap_or_else(|| panic!("nothing was said of {wrong}"));
        assert!(notice.contains(path) && notice.ends_with('.'), "{wrong}: {notice}");
        let profiles: Vec<_> = settings.profiles.iter().map(|profile| profile.id.to_string()).collect();
        assert_eq!(
            profiles,
            ["5b0e7f3e-6f8c-4d43-9f6f-7b1b3a1f4f10", "5b0e7f3e-6f8c-4d43-9f6f-7b1b3a1f4f11"],
            "{wrong}"
        );
        let kept = [
            settings.preferences.theme == Theme::Dark,
            settings.preferences.scale == 150,
            settings.profiles[0].name == "ops",
            settings.profiles[0].api == Address::new("https://one.example.com"),
            settings.profiles[0].saving.decrypt,
            !settings.profiles[1].keep_signed_in,
        ];
        assert_eq!(kept.iter().filter(|kept| !**kept).count(), 1, "{wrong} took something else with it: {kept:?}");

        // Saving for another reason leaves the value alone; changing it replaces it.
        let mut changed = settings.clone();
        changed.profiles[1].username = "somebody".to_owned();
        store.save(&changed).unwrap();
        let written = |text: &str| toml::from_str::<Table>(text).unwrap();
        let (before, after) = (written(&text), written(&fs::read_to_string(&file).unwrap()));
        let keys = path.split(' ').next().unwrap().split('.');
        let find = |table: &Table| {
            let of = match path.split_once(" of the profile") {
                None => Value::Table(table.clone()),
                Some((_, profile_name)) => table["profiles"][usize::from(profile_name == " audit")].clone(),
            };
            keys.clone().try_fold(of, |at, key| at.get(key).cloned())
        };
        assert_eq!(find(&after), find(&before), "{wrong} was overwritten");
        let (_, again, message) = Store::open(&directories);
        assert_eq!((again, message.as_deref()), (changed, Some(&*notice)), "{wrong}");
    }
    let (_root, directories) = directories();
    fs::write(directories.config().join(FILE), TWO_PROFILES.replace("\"dark\"", "\"pink\"")).unwrap();
    let (store, mut settings, _) = Store::open(&directories);
    settings.preferences.theme = Theme::Light;
    store.save(&settings).unwrap();
    let (_, again, message) = Store::open(&directories);
    assert_eq!((again.preferences.theme, message), (Theme::Light, None), "what was chosen did not last");
}

#[test]
fn a_number_out_of_range_is_replaced_by_its_default_and_reported() {
    let defaults = Table::try_from(Preferences::default()).unwrap();
    for (key, least, most) in limits() {
        for (number, is_valid) in [(least - 1, false), (least, true), (most, true), (most + 1, false)] {
            let (_root, directories) = directories();
            fs::write(directories.config().join(FILE), format!("[preferences]\n{key} = {number}\n")).unwrap();
            let (_, settings, notice) = Store::open(&directories);
            let read = Table::try_from(&settings.preferences).unwrap()[key].as_integer();
            if is_valid {
                assert_eq!((read, notice), (Some(number), None), "{key}");
            } else {
                assert_eq!(read, defaults[key].as_integer(), "{key} = {number} is used");
                let notice = notice.unwrap_or_else(|| panic!("nothing was said of {key} = {number}"));
                assert!(notice.contains(&format!("{key} ({number} is not from {least} to {most})")), "{notice}");
            }
        }
    }
}

#[test]
fn several_invalid_values_are_reported_in_one_sentence() {
    let (_root, directories) = directories();
    let wrong =
        TWO_PROFILES.replace("\"dark\"", "1").replace("150", "\"x\"").replace("true", "1").replace("false", "0");
    fs::write(directories.config().join(FILE), wrong).unwrap();
    let (_, settings, notice) = Store::open(&directories);
    assert_eq!(settings.profiles.len(), 2);
    let notice = notice.unwrap();
    assert!(notice.contains("1 more are not valid: their defaults are in force"), "{notice}");
}

#[test]
fn a_damaged_file_is_read_as_far_as_possible_and_backed_up() {
    for (right, wrong, dark) in [
        ("theme = \"dark\"", "theme = dark", None),
        ("scale = 150", "scale = 150 %", Some(true)),
        ("scale = 150", "scale =", Some(true)),
        ("scale = 150", "theme = \"dark\"", None),
        ("scale = 150", "}", Some(true)),
        ("decrypt = true", "decrypt = yes", Some(true)),
        ("keep_signed_in = false\n", "keep_signed_in = \"fal", Some(true)),
    ] {
        let (_root, directories) = directories();
        let file = directories.config().join(FILE);
        let text = TWO_PROFILES.replace(right, wrong);
        fs::write(&file, &text).unwrap();
        let (_, read, message) = Store::open_read_only(&directories).unwrap();
        assert!(message.is_some_and(|message| message.contains("are damaged (line ")), "{wrong}");
        assert_eq!(backups(&directories), Vec::<PathBuf>::new(), "reading {wrong} changed something");
        assert_eq!(fs::read_to_string(&file).unwrap(), text, "reading {wrong} changed the file");
        let (_, settings, notice) = Store::open(&directories);
        assert_eq!(read, settings, "{wrong}");
        let names: Vec<_> = settings.profiles.iter().map(|profile| &*profile.name).collect();
        assert_eq!(names, ["ops", "audit"], "{wrong}");
        if let Some(dark) = dark {
            assert_eq!(settings.preferences.theme == Theme::Dark, dark, "{wrong}");
        }
        let aside = backups(&directories);
        let [aside] = &*aside else { panic!("{wrong}: {aside:?}") };
        assert_eq!(fs::read_to_string(aside).unwrap(), text, "the damaged file was lost: {wrong}");
        let notice = notice.unwrap();
        assert!(notice.contains(&aside.display().to_string()) && notice.ends_with('.'), "{notice}");
        // It is reported once.
        let (_, again, notice) = Store::open(&directories);
        assert_eq!((again, notice), (settings, None), "{wrong}");
        assert_eq!(backups(&directories).len(), 1, "{wrong}");
    }
}

#[test]
fn a_file_that_notepad_saved_is_read() {
    let (_root, directories) = directories();
    fs::write(directories.config().join(FILE), format!("\u{feff}{}", TWO_PROFILES.replace('\n', "\r\n"))).unwrap();
    let (_, settings, notice) = Store::open(&directories);
    assert_eq!((settings.preferences.theme, settings.profiles.len(), notice), (Theme::Dark, 2, None));
}

#[test]
fn a_read_only_look_reads_the_settings_and_changes_nothing() {
    let (_root, directories) = directories();
    assert_eq!(Store::peek(&directories).unwrap(), Settings::default());
    let (store, _, _) = Store::open(&directories);
    store.save(&settings()).unwrap();
    assert_eq!(Store::peek(&directories).unwrap().preferences, settings().preferences);
    let (read_only, _, _) = Store::open_read_only(&directories).unwrap();
    let saved = read_only.save(&Settings::default());
    assert!(matches!(saved, Err(SettingsError::ReadOnly { .. })), "{saved:?}");
    assert_eq!(Store::peek(&directories).unwrap().preferences, settings().preferences, "it was written");
    fs::write(store.path(), [0xff, 0xfe, 0x00]).unwrap();
    let error = Store::peek(&directories).unwrap_err();
    assert!(error.to_string().contains("could not be read: it is not text"), "{error}");
    assert_eq!(fs::read(store.path()).unwrap(), [0xff, 0xfe, 0x00], "it was moved or written");
}

#[test]
fn a_file_that_is_not_text_is_moved_aside() {
    let (_root, directories) = directories();
    fs::write(directories.config().join(FILE), [0xff, 0xfe, 0x00]).unwrap();
    let (store, settings, notice) = Store::open(&directories);
    let notice = notice.expect("nothing was said");
    assert!(notice.contains("it is not text"), "{notice}");
    let aside = backups(&directories);
    let [aside] = &*aside else { panic!("{aside:?}") };
    assert_eq!(fs::read(aside).unwrap(), [0xff, 0xfe, 0x00]);
    assert!(notice.contains(&aside.display().to_string()), "the new place is not named: {notice}");
    store.save(&settings).unwrap();
    assert!(store.path().exists(), "the next save went elsewhere");
}

#[test]
fn keys_of_a_newer_version_survive() {
    let (_root, directories) = directories();
    let path = directories.config().join(FILE);
    fs::write(
        &path,
        r#"
        future = 1
        [preferences]
        theme = "light"
        density = "compact"
        last_folder = "/somewhere"
        [columns]
        order = ["id"]
        [[profiles]]
        id = "5b0e7f3e-6f8c-4d43-9f6f-7b1b3a1f4f10"
        name = "one"
        colour = "teal"
        [[profiles]]
        id = "5b0e7f3e-6f8c-4d43-9f6f-7b1b3a1f4f11"
        name = "two"
        colour = "red"
        "#,
    )
    .unwrap();
    let (store, mut settings, notice) = Store::open(&directories);
    assert_eq!(notice, None);
    settings.preferences.theme = Theme::Dark;
    settings.preferences.last_folder = None;
    settings.profiles.remove(0);
    store.save(&settings).unwrap();
    let written: Table = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(written["future"].as_integer(), Some(1));
    assert_eq!(written["columns"]["order"][0].as_str(), Some("id"));
    assert_eq!(written["preferences"]["density"].as_str(), Some("compact"));
    assert_eq!(written["preferences"]["theme"].as_str(), Some("dark"), "an old value came back");
    assert!(written["preferences"].get("last_folder").is_none(), "a removed value came back");
    let profiles = written["profiles"].as_array().unwrap();
    assert_eq!(profiles.len(), 1, "a removed profile came back");
    assert_eq!(profiles[0]["colour"].as_str(), Some("red"));
}

#[test]
fn the_file_contains_no_secret() {
    let (_root, directories) = directories();
    let (store, _, _) = Store::open(&directories);
    let mut settings = settings();
    settings.profiles[0].api = Address::new("https://me:CANARY@cab.example.com/base");
    settings.profiles[0].websocket = Address::new("wss://CANARY@ws.example.com");
    settings.profiles[1].api = Address::new("me:CANARY@cab.example.com");
    settings.profiles[1].download = Address::new("//me:CANARY@cab.example.com");
    for proxy in ["http://me:CANARY@proxy.example.com:3128", "me:CANARY@proxy.example.com:3128"] {
        settings.preferences.proxy = ProxyChoice::from_text(proxy);
        store.save(&settings).unwrap();
        let text = fs::read_to_string(store.path()).unwrap();
        assert!(!text.contains("CANARY"), "a secret is in the file:\n{text}");
    }
    let text = fs::read_to_string(store.path()).unwrap();
    assert!(!text.contains("CANARY"), "a secret is in the file:\n{text}");
    assert!(text.contains("https://cab.example.com/base"), "more than the secret was left out:\n{text}");
    // Adding a key requires a thought about this promise.
    let table: Table = toml::from_str(&text).unwrap();
    let keys = |table: &Table| table.keys().map(String::as_str).collect::<Vec<_>>().join(" ");
    assert_eq!(keys(&table), "preferences profiles");
    assert_eq!(
        keys(table["preferences"].as_table().unwrap()),
        "authority_file downloads_at_once idle_limit insight last_folder link_lifetime looks message_limit motion notify_failed notify_ready proxy \
         retention_bytes retention_days rows_in_memory saved_filters scale theme times window"
    );
    assert_eq!(
        keys(table["profiles"][0].as_table().unwrap()),
        "allow_unencrypted api download id keep_signed_in name renew_automatically saving username websocket"
    );
    let saving = table["profiles"][0]["saving"].as_table().unwrap();
    assert_eq!(keys(saving), "automatic_hosts decrypt folder private_hosts");
}

#[cfg(unix)]
#[test]
fn a_folder_that_is_not_utf_8_is_not_stored() {
    use std::os::unix::ffi::OsStringExt;
    let (_root, directories) = directories();
    let (store, mut settings, _) = Store::open(&directories);
    settings.preferences.last_folder = Some(PathBuf::from(std::ffi::OsString::from_vec(vec![b'/', 0xff])));
    settings.preferences.theme = Theme::Dark;
    store.save(&settings).unwrap();
    let (_, read, _) = Store::open(&directories);
    assert_eq!(read.preferences, Preferences { theme: Theme::Dark, ..Preferences::default() });
}

#[test]
fn a_failed_save_names_the_file_and_leaves_it_unchanged() {
    let (root, directories) = directories();
    let (store, settings, _) = Store::open(&directories);
    drop(root);
    let error = store.save(&settings).unwrap_err().to_string();
    assert!(error.contains(FILE) && error.ends_with('.'), "not a helpful sentence: {error}");
}

#[test]
fn settings_written_without_confirmation_are_not_reported_as_unsaved() {
    let path = Path::new("/config/settings.toml");
    let why = || io::Error::from(io::ErrorKind::PermissionDenied);
    let written = SettingsError::of(path, atomic::WriteError::NotConfirmed(why())).to_string();
    assert!(written.starts_with("The settings are saved in /config/settings.toml"), "{written}");
    assert!(!written.contains("could not be saved") && !written.contains("until you quit"), "{written}");
    let refused = SettingsError::of(path, atomic::WriteError::NotWritten(why())).to_string();
    assert!(refused.starts_with("The settings could not be saved to /config/settings.toml"), "{refused}");
}
