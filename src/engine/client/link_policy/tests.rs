//! Tests which links are fetched, and from which address.

use crate::settings::{Address, Profile};

use super::*;

/// A resolver that knows a few names.
fn names(known: &'static [(&'static str, &'static [&'static str])]) -> Resolver {
    Arc::new(move |host, port| {
        let found = known.iter().find(|(name, _)| *name == host).map(|(_, ips)| {
            ips.iter().map(|ip| SocketAddr::new(ip.parse().expect("an address"), port)).collect::<Vec<_>>()
        });
        Box::pin(async move { found.ok_or_else(|| io::ErrorKind::NotFound.into()) })
    })
}

const NAMES: &[(&str, &[&str])] = &[
    ("api.example.com", &["203.1.113.1"]),
    ("dl.example.com", &["203.1.113.2"]),
    ("office.example.com", &["10.1.0.1"]),
    ("nas.example.com", &["10.1.0.2"]),
    ("router.example.com", &["192.168.0.1"]),
    ("rebound.example.com", &["203.1.113.9", "127.0.0.1"]),
    ("localhost", &["127.0.0.1", "::1"]),
];

fn profile(api: &str, download: &str) -> Profile {
    Profile {
        api: Address::new(api),
        websocket: Address::new("wss://api.example.com"),
        download: Address::new(download),
        ..Profile::default()
    }
}

async fn check(profile: &Profile, automatic: bool, url: &str) -> Result<Vec<String>, Option<LinkPermission>> {
    let endpoints = Endpoints::of(profile).unwrap();
    let rules = LinkPolicy { endpoints: &endpoints, saving: &profile.saving, automatic, proxied: false };
    match rules.check(&Url::parse(url).unwrap(), &names(NAMES)).await {
        Ok(addresses) => Ok(addresses.iter().map(ToString::to_string).collect()),
        Err(refused) => {
            assert!(refused.sentence.ends_with('.'), "{}", refused.sentence);
            Err(refused.remedy_permission.map(|(permission, _)| permission))
        }
    }
}

#[tokio::test]
async fn private_addresses_are_allowed_only_if_the_profiles_api_is_private_too() {
    let public = profile("https://api.example.com", "https://dl.example.com");
    let office = profile("https://office.example.com", "https://dl.example.com");
    let here = profile("http://localhost:8009", "http://localhost:8011");
    let no = Err(Some(LinkPermission::Private));
    for (url, of_public, of_office, of_here) in [
        ("https://dl.example.com/x", true, true, true),
        ("https://nas.example.com/x", false, true, false),
        ("https://10.9.9.9/x", false, true, false),
        ("https://router.example.com/x", false, true, false),
        ("https://169.254.169.254/latest/meta-data", false, true, false),
        ("https://[fd00::1]/x", false, true, false),
        ("https://localhost/x", false, false, true),
        ("https://127.0.0.9/x", false, false, true),
        ("https://0.0.0.0/x", false, false, true),
        ("https://[::1]/x", false, false, true),
        ("https://[::ffff:127.0.0.1]/x", false, false, true),
        ("https://[64:ff9b::7f00:1]/x", false, false, true),
        ("https://[2002:7f00:1::]/x", false, false, true),
    ] {
        for (profile, allowed) in [(&public, of_public), (&office, of_office), (&here, of_here)] {
            let found = check(profile, false, url).await;
            assert_eq!(found.is_ok(), allowed, "{url} for {}: {found:?}", profile.api);
            if !allowed {
                assert_eq!(found, no, "{url}");
            }
        }
    }
}

#[tokio::test]
async fn a_connection_goes_only_to_an_address_that_was_checked() {
    let public = profile("https://api.example.com", "https://dl.example.com");
    let found = check(&public, false, "https://rebound.example.com:4443/x").await.unwrap();
    assert_eq!(found, ["203.1.113.9:4443"], "the other address of the name is this machine");
    assert_eq!(check(&public, false, "https://nobody.example.com/x").await, Err(None));
}

#[tokio::test]
async fn the_operator_can_allow_a_host_and_a_typed_address_is_allowed_already() {
    let mut public = profile("https://api.example.com", "https://dl.example.com");
    public.saving.private_hosts.push("nas.example.com".to_owned());
    assert!(check(&public, false, "https://nas.example.com/x").await.is_ok());
    assert!(check(&public, false, "https://office.example.com/x").await.is_err(), "another host was allowed with it");
    let typed = profile("https://api.example.com", "https://10.5.5.5:8443");
    assert!(check(&typed, false, "https://10.5.5.5/x").await.is_ok());
    let named = profile("https://api.example.com", "https://nas.example.com");
    assert_eq!(check(&named, false, "https://nas.example.com/x").await, Err(Some(LinkPermission::Private)));
}

#[tokio::test]
async fn a_redirect_from_the_internet_inward_is_refused_whatever_is_allowed() {
    let mut office = profile("https://office.example.com", "https://dl.example.com");
    office.saving.private_hosts.push("nas.example.com".to_owned());
    let endpoints = Endpoints::of(&office).unwrap();
    let rules = LinkPolicy { endpoints: &endpoints, saving: &office.saving, automatic: false, proxied: false };
    let (public, private) = (["203.1.113.2:443".parse().unwrap()], ["10.1.0.1:443".parse().unwrap()]);
    for (from, to, wanted) in [
        (&public[..], "https://api.example.com/x", false),
        (&public, "https://nas.example.com/x", true),
        (&public, "https://rebound.example.com/x", true),
        (&public, "https://localhost/x", true),
        (&public, "https://169.254.169.254/latest", true),
        (&public, "https://[::1]/x", true),
        (&public, "https://unknown.example.com/x", false),
        // The first address was resolved by a proxy.
        (&[], "https://10.1.0.2/x", true),
        (&private, "https://nas.example.com/x", false),
        (&private, "https://api.example.com/x", false),
    ] {
        let found = rules.is_inward_redirect(from, &Url::parse(to).unwrap(), &names(NAMES)).await;
        assert_eq!(found, wanted, "{from:?} to {to}");
    }
    let proxied = LinkPolicy { proxied: true, ..rules };
    assert!(proxied.is_inward_redirect(&[], &Url::parse("https://10.1.0.2/x").unwrap(), &names(NAMES)).await);
    assert!(!proxied.is_inward_redirect(&[], &Url::parse("https://nas.example.com/x").unwrap(), &names(NAMES)).await);
}

#[tokio::test]
async fn plain_text_and_automatic_saving_need_consent() {
    let mut public = profile("https://api.example.com", "https://dl.example.com");
    assert_eq!(check(&public, false, "http://dl.example.com/x").await, Err(Some(LinkPermission::Unencrypted)));
    assert_eq!(check(&public, false, "ws://dl.example.com/x").await, Err(Some(LinkPermission::Unencrypted)));
    assert!(check(&public, false, "wss://dl.example.com/x").await.is_ok());
    assert!(check(&public, true, "https://dl.example.com/x").await.is_ok());
    assert_eq!(check(&public, true, "https://api.example.com/x").await, Err(Some(LinkPermission::Automatic)));
    public.saving.automatic_hosts.push("api.example.com".to_owned());
    assert!(check(&public, true, "https://api.example.com/x").await.is_ok());
}

#[test]
fn an_address_counts_as_public_only_if_it_clearly_is() {
    for (ip, wanted) in [
        ("8.8.8.8", NetworkZone::Public),
        ("172.32.0.1", NetworkZone::Public),
        ("2a00:1450::1", NetworkZone::Public),
        ("172.31.255.255", NetworkZone::Private),
        ("100.64.0.1", NetworkZone::Private),
        ("169.254.1.1", NetworkZone::Private),
        ("224.0.0.1", NetworkZone::Private),
        ("255.255.255.255", NetworkZone::Private),
        ("192.0.2.1", NetworkZone::Private),
        ("fe80::1", NetworkZone::Private),
        ("ff02::1", NetworkZone::Private),
        ("2001:db8::1", NetworkZone::Private),
        ("::ffff:10.0.0.1", NetworkZone::Private),
        ("::ffff:8.8.8.8", NetworkZone::Public),
        ("0.1.2.3", NetworkZone::ThisMachine),
        ("127.255.255.255", NetworkZone::ThisMachine),
        ("::", NetworkZone::ThisMachine),
    ] {
        assert_eq!(zone_of(ip.parse().unwrap()), wanted, "{ip}");
    }
}
