//! Data tokens: reservations, the payloads that fill them, and the permanent tokens that result.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::protocol::CommandId;
use crate::sandbox::payload::Content;
use crate::sandbox::runtime::clock::{self, Clock};

use super::links::{Links, Purpose};
use super::profiles::ProfileId;
use super::reason::Reason;
use super::secrets;

/// How many data tokens and how many open reservations a profile may hold.
const PER_PROFILE: usize = 2_000;

/// Space reserved for a payload that has not been uploaded yet.
#[derive(Clone)]
struct Reservation {
    owner: ProfileId,
    command: CommandId,
    /// The `auth` of its upstream link.
    upload: String,
    expires: Instant,
    content: Option<Content>,
}

/// The record of a stored payload.
#[derive(Clone)]
pub(crate) struct DataToken {
    owner: ProfileId,
    /// The label that the operator's software set.
    pub(crate) context: String,
    pub(crate) file_name: String,
    /// The extension, without a dot.
    pub(crate) extension: String,
    /// Plaintext size in bytes, as the client reported it.
    pub(crate) size: u64,
    /// When the token was issued, in milliseconds since 1970.
    pub(crate) created: u64,
    /// How many tokens were issued before it. This orders tokens even within one millisecond and after the clock was set
    /// back.
    issued: u64,
    pub(crate) content: Content,
    /// What governance tools set: any fields.
    risk_meta: Option<BTreeMap<String, String>>,
}

/// The metadata of a file with which a client requests the permanent token.
pub(crate) struct FileMeta {
    pub(crate) file_name: String,
    pub(crate) extension: String,
    pub(crate) context: String,
    pub(crate) size: u64,
}

/// One row of the list of data tokens.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listed {
    token: String,
    context: String,
    file_name: String,
    extension: String,
    size: u64,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    risk_meta: Option<BTreeMap<String, String>>,
}

/// What a client may change of a data token later.
pub(crate) struct MetaChange {
    pub(crate) file_name: Option<String>,
    pub(crate) extension: Option<String>,
    pub(crate) context: Option<String>,
}

/// Reservations and data tokens of all profiles.
#[derive(Clone, Default)]
pub(crate) struct DataStore {
    /// By temporary token.
    reservations: HashMap<String, Reservation>,
    /// By permanent token, which is random: the order of issue is in `issued`.
    tokens: BTreeMap<String, DataToken>,
    /// How many permanent tokens were issued.
    issued: u64,
}

impl DataStore {
    /// Reserves space: a temporary token and an upstream link, which the client retrieves by its command id.
    pub(crate) fn reserve(
        &mut self,
        owner: &ProfileId,
        command: CommandId,
        ttl: Duration,
        now: Instant,
        links: &mut Links,
    ) -> Result<(), Reason> {
        self.reservations.retain(|_, reservation| now < reservation.expires + Duration::from_hours(1));
        if self.reservations.values().filter(|reservation| reservation.owner == *owner).count() >= PER_PROFILE {
            return Err("data_token.quota_exceeded");
        }
        let token = secrets::temporary_data_token();
        let upload = links.grant(Purpose::Upload { reservation: token.clone() }, now);
        let expires = now + ttl;
        self.reservations.insert(token, Reservation { owner: owner.clone(), command, upload, expires, content: None });
        Ok(())
    }

    /// The temporary token and the upstream link's `auth` of a reservation that has settled and not expired.
    pub(crate) fn reserved(&self, owner: &ProfileId, command: &CommandId, now: Instant) -> Option<(&str, &str)> {
        self.reservations
            .iter()
            .find(|(_, r)| r.command == *command && r.owner == *owner && now < r.expires)
            .map(|(token, r)| (token.as_str(), r.upload.as_str()))
    }

    /// Fills a reservation, by exchange (`owner` given) or through the upstream store (whose link is the permission).
    pub(crate) fn fill(
        &mut self,
        owner: Option<&ProfileId>,
        token: &str,
        content: Content,
        now: Instant,
    ) -> Result<(), Reason> {
        let reservation = self.reservations.get_mut(token).ok_or("data_token.space_not_found")?;
        if owner.is_some_and(|owner| reservation.owner != *owner) {
            return Err("profile.not_an_owner");
        }
        if now >= reservation.expires {
            return Err("data_token.space_expired");
        }
        if reservation.content.is_some() {
            return Err("data_token.space_already_filled");
        }
        reservation.content = Some(content);
        Ok(())
    }

    /// Turns a filled reservation into a permanent token. The metadata may name another context than the reservation did.
    pub(crate) fn commit(
        &mut self,
        owner: &ProfileId,
        token: &str,
        meta: FileMeta,
        now: Instant,
        clock: &Clock,
    ) -> Result<String, Reason> {
        let reservation = self.reservations.get(token).ok_or("data_token.space_not_found")?;
        if reservation.owner != *owner {
            return Err("data_token.space_not_found");
        }
        if now >= reservation.expires {
            return Err("data_token.space_expired");
        }
        let content = reservation.content.clone().ok_or("data_token.space_empty")?;
        let permanent = self.keep(owner, meta, content, clock.millis(now))?;
        self.reservations.remove(token);
        Ok(permanent)
    }

    /// Issues a permanent token for a payload. `created` is in milliseconds since 1970.
    pub(crate) fn keep(
        &mut self,
        owner: &ProfileId,
        meta: FileMeta,
        content: Content,
        created: u64,
    ) -> Result<String, Reason> {
        if self.tokens.values().filter(|token| token.owner == *owner).count() >= PER_PROFILE {
            return Err("data_token.quota_exceeded");
        }
        let FileMeta { file_name, extension, context, size } = meta;
        let permanent = secrets::data_token();
        let issued = self.issued;
        self.issued += 1;
        let token = DataToken {
            owner: owner.clone(),
            context,
            file_name,
            extension,
            size,
            created,
            issued,
            content,
            risk_meta: None,
        };
        self.tokens.insert(permanent.clone(), token);
        Ok(permanent)
    }

    /// How many data tokens were issued so far, deleted ones and those of all profiles included.
    pub(crate) fn issued(&self) -> u64 {
        self.issued
    }

    /// How many of a profile's data tokens were issued from this number on.
    pub(crate) fn count_from(&self, owner: &ProfileId, number: u64) -> usize {
        self.tokens.values().filter(|token| token.owner == *owner && token.issued >= number).count()
    }

    /// A profile's data token. Another profile's is not found, so that nobody learns that it exists.
    pub(crate) fn get(&self, owner: &ProfileId, token: &str) -> Option<&DataToken> {
        self.tokens.get(token).filter(|token_entry| token_entry.owner == *owner)
    }

    /// Changes the metadata of a data token.
    pub(crate) fn update(&mut self, owner: &ProfileId, token: &str, change: MetaChange) -> Result<(), Reason> {
        let token_entry = self.own(owner, token)?;
        if let Some(file_name) = change.file_name {
            token_entry.file_name = file_name;
        }
        if let Some(extension) = change.extension {
            token_entry.extension = extension;
        }
        if let Some(context) = change.context {
            token_entry.context = context;
        }
        Ok(())
    }

    /// Sets the metadata for governance tools.
    pub(crate) fn set_risk_meta(
        &mut self,
        owner: &ProfileId,
        token: &str,
        meta: BTreeMap<String, String>,
    ) -> Result<(), Reason> {
        self.own(owner, token)?.risk_meta = Some(meta);
        Ok(())
    }

    /// Deletes a data token and its payload.
    pub(crate) fn delete(&mut self, owner: &ProfileId, token: &str) -> Result<(), Reason> {
        self.own(owner, token)?;
        self.tokens.remove(token);
        Ok(())
    }

    fn own(&mut self, owner: &ProfileId, token: &str) -> Result<&mut DataToken, Reason> {
        let token_entry = self.tokens.get_mut(token).ok_or("data_token.not_found")?;
        if token_entry.owner == *owner { Ok(token_entry) } else { Err("profile.not_an_owner") }
    }

    /// One page of a profile's data tokens, newest first, and the total number.
    pub(crate) fn list(&self, owner: &ProfileId, page: usize, per_page: usize) -> (Vec<Listed>, usize) {
        let mut own: Vec<_> = self.tokens.iter().filter(|(_, token_entry)| token_entry.owner == *owner).collect();
        own.sort_by_key(|(_, token_entry)| std::cmp::Reverse(token_entry.issued));
        let skipped = page.saturating_sub(1).saturating_mul(per_page);
        let items = own.iter().skip(skipped).take(per_page).map(|(token, token_entry)| Listed {
            token: (*token).clone(),
            context: token_entry.context.clone(),
            file_name: token_entry.file_name.clone(),
            extension: token_entry.extension.clone(),
            size: token_entry.size,
            created_at: clock::utc(token_entry.created),
            risk_meta: token_entry.risk_meta.clone(),
        });
        (items.collect(), own.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(file_name: String) -> FileMeta {
        FileMeta { file_name, extension: "pdf".to_owned(), context: "reports".to_owned(), size: 1 }
    }

    #[test]
    fn data_tokens_of_one_moment_are_listed_newest_first_on_every_page() {
        let owner = ProfileId::new("prf-1");
        let mut store = DataStore::default();
        for number in 0..50 {
            store.keep(&owner, meta(format!("{number}.pdf")), Content::Kept(vec![7].into()), 1_000).expect("kept");
        }
        let pages = (1..=5).flat_map(|page| store.list(&owner, page, 10).0);
        let names: Vec<_> = pages.map(|item| item.file_name).collect();
        let newest_first: Vec<_> = (0..50).rev().map(|number| format!("{number}.pdf")).collect();
        assert_eq!(names, newest_first);
    }
}
