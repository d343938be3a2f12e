//! Scopes: what an OAuth application may do for a profile.

use serde::Serialize;

use super::reason::Reason;

/// Every scope. Each endpoint that an application may call names one of them.
pub(crate) const SCOPES: [&str; 14] = [
    "data-token:read",
    "data-token:write",
    "device:read",
    "device:write",
    "policy:read",
    "policy:write",
    "profile:read",
    "public-key:read",
    "storage:read",
    "storage:write",
    "verified-authenticator:read",
    "verified-authenticator:write",
    "voting:read",
    "voting:write",
];

/// A set of scopes, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Scopes(Vec<&'static str>);

impl Scopes {
    /// Reads a list. Fails if it is empty or names an unknown scope.
    pub(crate) fn read(names: &[String]) -> Result<Self, Reason> {
        let mut scopes = Vec::new();
        for name in names {
            scopes.push(*SCOPES.iter().find(|scope| *scope == name).ok_or("oauth.unknown_scope")?);
        }
        scopes.sort_unstable();
        scopes.dedup();
        if scopes.is_empty() { Err("oauth.no_scope") } else { Ok(Self(scopes)) }
    }

    pub(crate) fn contains(&self, scope: &str) -> bool {
        self.0.contains(&scope)
    }

    /// Whether every one of these scopes is among `others`.
    pub(crate) fn is_within(&self, others: &Self) -> bool {
        self.0.iter().all(|scope| others.contains(scope))
    }

    /// As OAuth writes them: separated by spaces.
    pub(crate) fn joined(&self) -> String {
        self.0.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(names: &[&str]) -> Result<Scopes, Reason> {
        Scopes::read(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn scopes_are_known_names_without_doubles() {
        let read = scopes(&["device:read", "data-token:read", "device:read"]).unwrap();
        assert_eq!(read.joined(), "data-token:read device:read");
        assert_eq!(scopes(&[]), Err("oauth.no_scope"));
        assert_eq!(scopes(&["device:read", "everything"]), Err("oauth.unknown_scope"));
        assert!(scopes(&["device:read"]).unwrap().is_within(&read));
        assert!(!read.is_within(&scopes(&["device:read"]).unwrap()));
    }
}
