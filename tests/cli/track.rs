//! `track` uses the local socket if a process holds the journal, and writes to the journal otherwise.

use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use privicore_monitor::credentials::Keyring;
use privicore_monitor::engine::{Action, Engine, EngineOptions, ProxyEnvironment};
use privicore_monitor::settings::Directories;

use super::Privicore;
use super::program::{DEADLINE, Home, contents};

/// The socket in the runtime folder.
fn socket(home: &Home) -> Option<PathBuf> {
    let folder = home.folder("runtime/privicore-monitor");
    let found = std::fs::read_dir(folder).ok()?.map(|entry| entry.expect("an entry"));
    found.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_socket())).map(|entry| entry.path()).next()
}

#[test]
fn ids_are_sent_to_the_running_process_over_a_private_socket() {
    let privicore = Privicore::start();
    let home = Home::of(privicore.running());
    let mut holder = home.start(&["watch", "--json"]);
    privicore.until_joined(1);
    home.run(&["track", "--label", "deploy", "c-1", "c-2", "c-1"]).with(0);
    let seen: Vec<_> = std::iter::repeat_with(|| holder.json()).take(4).collect();
    let ids: Vec<_> = seen.iter().map(|line| line["id"].as_str().expect("text")).collect();
    assert_eq!(ids, ["c-1", "c-1", "c-2", "c-2"]);
    assert!(seen.iter().all(|line| line["status"] == "Pending"), "{seen:?}");
    assert_eq!(seen[3]["label"], "deploy");
    let socket = socket(&home).expect("a socket");
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("there").mode() & 0o777;
    assert_eq!(mode(&socket), 0o600);
    assert_eq!(mode(socket.parent().expect("a folder")), 0o700);
    let refused = home.run(&["track", "--profile", "nobody", "c-3"]).with(2);
    assert!(refused.said.contains("nobody"), "{}", refused.said);
    holder.signal("TERM");
    assert_eq!(holder.end().code(), Some(0), "{}", holder.said());
    assert!(!socket.exists(), "the socket was left behind");
}

#[test]
fn without_a_runtime_folder_the_socket_is_in_the_data_folder() {
    let privicore = Privicore::start();
    let mut home = Home::of(privicore.running());
    home.set("XDG_RUNTIME_DIR", "");
    let mut holder = home.start(&["watch", "--json"]);
    privicore.until_joined(1);
    home.run(&["track", "c-1"]).with(0);
    assert_eq!(holder.json()["id"], "c-1");
    assert!(home.folder("data/run/track.sock").exists(), "it lies elsewhere");
    holder.signal("TERM");
    holder.end();
}

#[test]
fn without_a_running_process_ids_are_written_into_the_journal() {
    let mut home = Home::new();
    home.with_profiles(&["ops"]);
    home.run(&["track", "--label", "deploy", "c-1"]).with(0);
    let lines = home.run(&["export", "--format", "ndjson"]).with(0).json();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["profile"], "ops");
    assert_eq!((&lines[0]["status"], &lines[0]["label"]), (&"Pending".into(), &"deploy".into()));
    assert!(lines[0]["source"].is_null(), "nobody has said anything yet");
    home.with_profiles(&["ops", "audit"]);
    let refused = home.run(&["track", "c-2"]).with(2);
    assert!(refused.said.contains("--profile"), "{}", refused.said);
    home.run(&["track", "--profile", "audit", "c-2"]).with(0);
    home.run(&["track", "--profile", "nobody", "c-2"]).with(2);
    home.run(&["track", "--profile", "ops", ""]).with(2);
    home.set("PRIVICORE_PASSWORD", "x");
    let journal = contents(&home.folder("data"));
    assert!(journal.iter().any(|(path, _)| path.ends_with("journal.sqlite")), "no journal");
}

#[test]
fn tracking_in_a_loop_does_not_prevent_the_window_or_watch_from_starting() {
    let home = Home::new();
    home.with_profiles(&["ops"]);
    let stop = AtomicBool::new(false);
    let tracks = |of: usize| {
        let numbers = (0..).take_while(|_number| !stop.load(Ordering::Relaxed));
        numbers.map(|number: u32| home.run(&["track", &format!("c-{of}-{number}")]).with(0)).count()
    };
    let tracked: Vec<usize> = std::thread::scope(|scope| {
        let loops: Vec<_> = (0..3).map(|of| scope.spawn(move || tracks(of))).collect();
        // Ends the loops even if an assertion fails.
        let _stops = Stops(&stop);
        for _ in 0..8 {
            // The window starts its engine the same way.
            let (engine, _events) = Engine::start(options(&home)).expect("the window starts");
            engine.send(Action::Quit).expect("it takes it");
            assert!(engine.join(DEADLINE), "it did not stop");
            let watched = home.run(&["watch"]).with(3);
            assert!(watched.said.contains("ops is not kept signed in"), "{}", watched.said);
            assert!(!watched.said.contains("Another"), "a moment was taken for a running window: {}", watched.said);
        }
        stop.store(true, Ordering::Relaxed);
        loops.into_iter().map(|tracking| tracking.join().expect("every id was tracked")).collect()
    });
    assert!(tracked.iter().all(|count| *count > 0), "{tracked:?}");
}

/// Sets a flag when it is dropped.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The options with which the window would start its engine.
fn options(home: &Home) -> EngineOptions {
    EngineOptions {
        directories: Directories::at(home.folder("data"), home.folder("config")).expect("folders"),
        keyring: Keyring::in_memory(),
        keeps_links: true,
        sandbox: None,
        start_in_sandbox: false,
        profile: None,
        connector: None,
        settings: privicore_monitor::engine::SettingsAccess::ReadWrite,
        extra_authority: None,
        proxies: ProxyEnvironment::default(),
        clock: Arc::new(|| jiff::Timestamp::now().into()),
        waker: Arc::new(|| {}),
    }
}

#[test]
fn without_a_profile_it_is_a_usage_error() {
    Home::new().run(&["track", "c-1"]).with(2);
}

#[test]
fn an_invalid_line_on_the_socket_is_rejected() {
    use std::io::{Read as _, Write as _};
    let privicore = Privicore::start();
    let home = Home::of(privicore.running());
    let mut holder = home.start(&["watch", "--json"]);
    privicore.until_joined(1);
    let path = socket(&home).expect("a socket");
    for (line, answered) in [("nonsense\n".to_owned(), true), ("{}\n".to_owned(), true), ("x".repeat(2_000_000), false)]
    {
        let mut stream = std::os::unix::net::UnixStream::connect(&path).expect("a connection");
        // The holder may close the connection before it has read all of it.
        drop(stream.write_all(line.as_bytes()));
        let mut answer = String::new();
        drop(stream.read_to_string(&mut answer));
        assert_eq!(answer.contains("usage"), answered, "{answer}");
    }
    home.run(&["track", "c-1"]).with(0);
    assert_eq!(holder.json()["id"], "c-1");
    holder.signal("TERM");
    holder.end();
}
