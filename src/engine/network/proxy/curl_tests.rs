//! Compares the environment's proxy rules with curl itself: which address curl connects to with the same variables.

use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::mpsc;

use super::*;

/// The names and values of the environment's variables.
type Environment = &'static [(&'static str, &'static str)];

/// Variables, and the addresses that are requested with them. `A` … `D` stand for proxies.
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
    (
        &[("all_proxy", "C"), ("no_proxy", "2001:db8::1")],
        &["http://[2001:db8::1]", "https://[2001:DB8:0:0::1]:8083", "http://[2001:db8::2]", "http://[2001:db8::1:1]"],
    ),
    (&[("all_proxy", "C"), ("no_proxy", "::1")], &["http://[::1]", "https://[::1]:8083", "http://[2001:db8::1]"]),
    (&[("all_proxy", "C"), ("no_proxy", "a.test, 2001:db8::1 ")], &["http://[2001:db8::1]", "http://[2001:db8::2]"]),
    (&[("all_proxy", "C"), ("no_proxy", "2001:db8::/32")], &["http://[2001:db9::1]", "http://10.1.2.3"]),
    (&[("all_proxy", "C"), ("no_proxy", "2001:db8::/129, ::1/8x")], &["http://[2001:db8::]", "http://[fe80::1]"]),
    (&[("https_proxy", "A"), ("http_proxy", "B")], &["http://[2001:db8::1]", "https://[2001:db8::1]:8083"]),
    (&[], &["http://[::1]", "http://[2001:db8::1]"]),
];

/// Variables and addresses that are reached directly here and through `C` by curl 7.88, which compares IPv6 addresses as if
/// they were names. This program follows curl's documentation, as later versions of curl do, takes the brackets of URLs for
/// nothing else, and never reaches this machine through a proxy.
const DIRECT_ONLY_HERE: &[(Environment, &[&str])] = &[
    (&[("all_proxy", "C")], &["http://[::1]", "https://[::1]:8083", "http://127.0.0.1", "http://localhost"]),
    (&[("all_proxy", "C"), ("no_proxy", "[::1]")], &["http://[::1]", "https://[::1]:8083"]),
    (&[("all_proxy", "C"), ("no_proxy", "[2001:db8::1]")], &["http://[2001:db8::1]", "https://[2001:db8::1]:8083"]),
    (
        &[("all_proxy", "C"), ("no_proxy", "b.test,2001:db8::/32")],
        &["http://[2001:db8::1]", "https://[2001:db8:ffff::1]:8083"],
    ),
    (&[("all_proxy", "C"), ("no_proxy", "[2001:db8::]/32")], &["http://[2001:db8::1]"]),
    (&[("all_proxy", "C"), ("no_proxy", "2001:db8:0::1")], &["http://[2001:db8::1]"]),
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

/// The servers that a request can reach: a proxy or, without one, the server itself.
struct Servers {
    straight: SocketAddr,
    proxies: [(&'static str, SocketAddr); 4],
    received: mpsc::Receiver<&'static str>,
}

impl Servers {
    fn start() -> Self {
        let (told, received) = mpsc::sync_channel(64);
        let straight = listen("straight", told.clone());
        let proxies = ["A", "B", "C", "D"].map(|name| (name, listen(name, told.clone())));
        Self { straight, proxies, received }
    }

    /// The variables with the addresses of the proxies.
    fn environment(&self, variables: Environment) -> Vec<(&'static str, String)> {
        let value = |value: &str| {
            let proxy = self.proxies.iter().find(|(name, _)| *name == value);
            proxy.map_or_else(|| value.to_owned(), |(_, address)| format!("http://{address}"))
        };
        variables.iter().map(|(name, to)| (*name, value(to))).collect()
    }

    /// The server that curl connects to.
    fn of_curl(&self, set: &[(&'static str, String)], url: &str) -> &'static str {
        let mut curl = Command::new("curl");
        // Nothing leaves this machine, whatever curl decides.
        curl.args(["--disable", "--silent", "--max-time", "10", "--connect-to", &format!("::{}", self.straight), url]);
        curl.env_clear().envs(set.iter().map(|(name, value)| (*name, value)));
        if let Some(path) = std::env::var_os("PATH") {
            curl.env("PATH", path);
        }
        let ended = curl.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        self.received.try_iter().last().unwrap_or_else(|| panic!("curl went nowhere: {ended}, {set:?} {url}"))
    }

    /// The server that this program connects to, for the address and for the same one of a WebSocket.
    fn of_this_program(&self, set: &[(&'static str, String)], url: &str) -> [&'static str; 2] {
        let read = ProxyEnvironment::read(|name| {
            set.iter().find(|(set, _)| *set == name).map(|(_, value)| OsString::from(value))
        });
        let rules = ProxyRules::of(&ProxyChoice::System, &read);
        [url.to_owned(), url.replacen("http", "ws", 1)].map(|url| {
            let through = rules.of_url(&Url::parse(&url).unwrap()).unwrap();
            let address = through.map(|through| through.to_string());
            address.map_or("straight", |address| {
                self.proxies.iter().find(|(_, at)| at.to_string() == address).expect("one of the proxies").0
            })
        })
    }
}

#[test]
fn every_variable_chooses_the_same_proxy_as_curl() {
    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("left out: there is no curl on this machine (the table of variables was not laid beside it)");
        return;
    }
    let servers = Servers::start();
    for (variables, urls) in TABLE {
        let set = servers.environment(variables);
        for url in *urls {
            let theirs = servers.of_curl(&set, url);
            assert_eq!(servers.of_this_program(&set, url), [theirs; 2], "{set:?} {url}");
        }
    }
    for (variables, urls) in DIRECT_ONLY_HERE {
        let set = servers.environment(variables);
        for url in *urls {
            assert_eq!(servers.of_this_program(&set, url), ["straight"; 2], "{set:?} {url}");
            let theirs = servers.of_curl(&set, url);
            assert!(["C", "straight"].contains(&theirs), "{set:?} {url}: {theirs}");
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
