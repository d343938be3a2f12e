//! `NO_PROXY` as curl documents it. curl 7.88 treats IPv6 addresses as names, contrary to its documentation, which this
//! module follows: IPv6 networks work, and addresses may be in brackets.

use std::net::IpAddr;

use url::Host;

/// Whether a list contains a host. `*` alone matches every host. A name matches itself and its subdomains, also with a
/// leading dot. An address matches itself or, with a prefix length, a network. Items are separated by commas or blanks.
pub(crate) fn matches_host(list: &str, host: &Host<&str>) -> bool {
    if list == "*" {
        return true;
    }
    let mut items = list.split([',', ' ', '\t']).filter(|item| !item.is_empty());
    match host {
        Host::Domain(name) => items.any(|item| is_within(name, item)),
        Host::Ipv4(address) => items.any(|item| is_in_network(IpAddr::V4(*address), item)),
        Host::Ipv6(address) => items.any(|item| is_in_network(IpAddr::V6(*address), item)),
    }
}

fn is_within(name: &str, item: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).as_bytes();
    let item = item.strip_suffix('.').unwrap_or(item);
    let item = item.strip_prefix('.').unwrap_or(item).as_bytes();
    let Some((above, tail)) = name.len().checked_sub(item.len()).map(|at| name.split_at(at)) else { return false };
    !item.is_empty() && tail.eq_ignore_ascii_case(item) && matches!(above.last(), None | Some(b'.'))
}

fn is_in_network(address: IpAddr, item: &str) -> bool {
    let (network, length) = item.split_once('/').map_or((item, None), |(network, length)| (network, Some(length)));
    // Brackets are the brackets of URLs; they can't mean anything else.
    let network = network.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(network);
    let Ok(network) = network.parse::<IpAddr>() else { return false };
    let (address, network, bits) = match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => (address.to_bits().into(), network.to_bits().into(), 32),
        (IpAddr::V6(address), IpAddr::V6(network)) => (address.to_bits(), network.to_bits(), 128),
        _ => return false,
    };
    // Parsed like C's `atoi`; a length of 0 counts as none.
    let digits = length.map_or("", |length| length.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default());
    let length = match digits.parse::<u32>() {
        Ok(0) | Err(_) => bits,
        Ok(length) => length,
    };
    length <= bits && (address ^ network) >> (bits - length) == 0u128
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_match_by_name_address_and_network() {
        for (list, host, is_named) in [
            ("*", "a.test", true),
            ("*,b.test", "a.test", false),
            ("*.test", "a.test", false),
            ("a.test", "A.TEST", true),
            ("a.test b.test", "b.test", true),
            (" , a.test\t,b.test.", "x.b.test", true),
            (".a.test", "a.test", true),
            (".a.test", "x.a.test", true),
            ("a.test", "notaa.test", false),
            ("a.test", "a.test.", true),
            (".", "a.test", false),
            ("10.0.0.0/8", "10.200.3.4", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/33", "10.0.0.0", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            (".2.3", "10.1.2.3", false),
            ("2001:db8::/32", "[2001:db8::1]", true),
            ("2001:db8::/33", "[2001:db8:8000::1]", false),
            ("2001:db8::1", "[2001:db8::1]", true),
            ("[2001:db8::1]", "[2001:db8::1]", true),
            ("::ffff:10.0.0.0/104", "10.0.0.1", false),
        ] {
            let host = Host::parse(host).unwrap();
            let host = match &host {
                Host::Domain(name) => Host::Domain(name.as_str()),
                Host::Ipv4(address) => Host::Ipv4(*address),
                Host::Ipv6(address) => Host::Ipv6(*address),
            };
            assert_eq!(matches_host(list, &host), is_named, "{list:?} {host}");
        }
    }
}
