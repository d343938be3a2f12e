//! Compares the environment's proxy rules with curl itself: which address curl connects to with the same variables.

use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::mpsc;

use super::*;

/// The names and values of the environment's variables.
type Environment = &'static [(&'static str, &'static str)];

/// Variables, and the addresses that are requested with them. `A` … `D` stand for proxies. IPv6 networks, which curl
/// documents, are missing here, because curl 7.88 compares IPv6 addresses as if they were names.
const TABLE: &[(Environment, &[&str])] = &[
    (&[], &["http://a.test", "https://a.test"]),
    (&[("https_proxy", "A"), ("HTTPS_PROXY", "")], &["http://a.test", "https://a.test"]),
    (&[("https_proxy", ""), ("HTTPS_PROXY", "B")], &["https://a.test"]),
    (&[("https_proxy", "A"), ("HTTPS_PROXY", "B")], &["https://a.test"]),
    (&[("http_proxy", "A"), ("HTTP_PROXY", "B")], &["http://a.test", "https://a.test"]),
    (&[("HTTP_PROXY", "B")], &["http://a.test", "https://a.test"]),
    (&[("http_proxy", ""), ("HTTP_PROXY", "B"), ("all_proxy", "C")], &["http://a.test", "https://a.test"]),
    (&[("all_proxy", "C"), ("ALL_PROXY", "D")], &["http://a.test", "https://a.test"]),
    (&[("all_proxy", ""), ("ALL_PROXY", "D")], &["http://a.test", "https://a.test"]),
    (&[("all_proxy", "C"), ("https_proxy", "A")], &["http://a.test", "https://a.test"]),
    (&[("all_proxy", "C"), ("NO_PROXY", "*")], &["http://a.test", "https://10.1.2.3", "http://[2001:db8::1]"]),
    (&[("all_proxy", "C"), ("no_proxy", "*, b.test")], &["http://a.test", "http://b.test", "http://10.1.2.3"]),
    (&[("all_proxy", "C"), ("no_proxy", "*.test")], &["http://a.test"]),
    (&[("all_proxy", "C"), ("no_proxy", " *")], &["http://a.test"]),
    (&[("all_proxy", "C"), ("no_proxy", ""), ("NO_PROXY", "a.test")], &["http://a.test", "http://b.test"]),
    (&[("all_proxy", "C"), ("no_proxy", "b.test"), ("NO_PROXY", "a.test")], &["http://a.test", "http://b.test"]),
    (
        &[("all_proxy", "C"), ("no_proxy", "a.test b.test")],
        &["http://a.test", "http://b.test", "https://x.b.test", "http://xb.test", "http://c.test"],
    ),
    (
        &[("all_proxy", "C"), ("no_proxy", "a.test,,b.test , .c.test")],
        &["http://a.test", "http://b.test", "http://c.test", "http://x.c.test", "http://xc.test", "http://A.TEST"],
    ),
    (&[("all_proxy", "C"), ("no_proxy", "a.test.")], &["http://a.test", "http://a.test.", "http://x.a.test"]),
    (&[("all_proxy", "C"), ("no_proxy", "a.test")], &["http://a.test."]),
    (
        &[("all_proxy", "C"), ("no_proxy", "10.0.0.0/8, 192.0.2.7 198.51.100.0/25")],
        &[
            "http://10.1.2.3",
            "https://11.1.2.3",
            "http://192.0.2.7",
            "http://192.0.2.8",
            "http://198.51.100.127",
            "http://198.51.100.128",
            "http://10.a.test",
        ],
    ),
    (&[("all_proxy", "C"), ("no_proxy", "10.0.0.0/0,11.0.0.0/33")], &["http://10.1.2.3", "http://11.0.0.0"]),
    (&[("all_proxy", "C"), ("no_proxy", ".2.3")], &["http://10.1.2.3"]),
    (&[("all_proxy", "C"), ("no_proxy", "2001:db8::1")], &["http://[2001:db8::1]", "http://[2001:db8::2]"]),
];

/// Listens like a proxy or a server, and reports each connection.
fn listen(name: &'static str, told: mpsc::SyncSender<&'static str>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::Builder::new()
        .spawn(move || {
            for stream in listener.incoming() {
                // Report before the client can see the end of the connection.
                if told.send(name).is_err() {
                    return;
                }
                drop(stream);
            }
        })
        .unwrap();
    address
}

#[test]
fn every_variable_chooses_the_same_proxy_as_curl() {
    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("left out: there is no curl on this machine (the table of variables was not laid beside it)");
        return;
    }
    let (told, received) = mpsc::sync_channel(64);
    let straight = listen("straight", told.clone());
    let proxies = ["A", "B", "C", "D"].map(|name| (name, listen(name, told.clone())));
    for (variables, urls) in TABLE {
        let value = |value: &str| {
            let proxy = proxies.iter().find(|(name, _)| *name == value);
            proxy.map_or_else(|| value.to_owned(), |(_, address)| format!("http://{address}"))
        };
        let set: Vec<(&str, String)> = variables.iter().map(|(name, to)| (*name, value(to))).collect();
        let read = ProxyEnvironment::read(|name| {
            set.iter().find(|(set, _)| *set == name).map(|(_, value)| OsString::from(value))
        });
        let ours = ProxyRules::of(&ProxyChoice::System, &read);
        for url in *urls {
            let mut curl = Command::new("curl");
            // Nothing leaves this machine, whatever curl decides.
            curl.args(["--disable", "--silent", "--max-time", "10", "--connect-to", &format!("::{straight}"), url]);
            curl.env_clear().envs(set.iter().map(|(name, value)| (*name, value)));
            if let Some(path) = std::env::var_os("PATH") {
                curl.env("PATH", path);
            }
            let ended = curl.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
            let theirs =
                received.try_iter().last().unwrap_or_else(|| panic!("curl went nowhere: {ended}, {set:?} {url}"));
            for url in [(*url).to_owned(), url.replacen("http", "ws", 1)] {
                let through = ours.of_url(&Url::parse(&url).unwrap()).unwrap();
                let address = through.map(|through| through.to_string());
                let name = address.map_or("straight", |address| {
                    proxies.iter().find(|(_, at)| at.to_string() == address).expect("one of the proxies").0
                });
                assert_eq!(name, theirs, "{set:?} {url}");
            }
        }
    }
}

#[test]
fn a_proxy_without_a_port_has_the_port_that_curl_uses() {
    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("left out: there is no curl on this machine (the default port was not laid beside it)");
        return;
    }
    for value in ["http://127.0.0.9", "127.0.0.9", "http://u:p@127.0.0.9/", "http://127.0.0.9:80", "127.0.0.9:80"] {
        let mut curl = Command::new("curl");
        curl.args(["--disable", "--verbose", "--max-time", "10", "http://a.test"]).env_clear().env("http_proxy", value);
        if let Some(path) = std::env::var_os("PATH") {
            curl.env("PATH", path);
        }
        let output = String::from_utf8_lossy(&curl.output().unwrap().stderr).into_owned();
        let read = ProxyEnvironment::read(|name| (name == "http_proxy").then(|| value.into()));
        let ours = ProxyRules::of(&ProxyChoice::System, &read).of_url(&Url::parse("ws://a.test").unwrap()).unwrap();
        let wanted = format!("Trying {}...", ours.expect("a proxy"));
        assert!(output.contains(&wanted), "{value}: {wanted} is not in {output}");
    }
}
