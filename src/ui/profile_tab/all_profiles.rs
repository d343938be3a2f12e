//! The tab `All profiles`: the rows of every profile in one table, each with its profile's name.
//!
//! The tab is built when it is first shown, newest rows first, some in each frame. After that it follows what is committed.
//! Commands on its rows are executed by each row's own profile.

use crate::activity::{Activities, ActivityKey, RowId, Seq, View};
use crate::settings::{Preferences, Profile, ProfileId};
use crate::ui::view_state::details::Details;
use crate::ui::view_state::row_owners::{RowOwners, SLICE, id};

use super::ProfileTab;

impl ProfileTab {
    /// Creates the tab `All profiles`.
    pub(crate) fn all_profiles(preferences: &Preferences) -> Self {
        let profile = Profile { id: id(), name: "All profiles".to_owned(), ..Profile::default() };
        let mut profile_tab = Self::new(profile, preferences);
        profile_tab.restoring = false;
        profile_tab.owners = Some(RowOwners { stale: true, ..RowOwners::default() });
        profile_tab
    }

    /// Whether this is the tab `All profiles`.
    pub(crate) fn is_all(&self) -> bool {
        self.owners.is_some()
    }

    /// The profile that a row belongs to.
    pub(crate) fn owner(&self, row: RowId) -> ProfileId {
        self.owners.as_ref().and_then(|owners| owners.of(row)).map_or(self.profile.id, |(id, _)| *id)
    }

    /// The name of the profile that a row belongs to.
    pub(crate) fn owner_name(&self, row: RowId) -> &str {
        self.owners.as_ref().and_then(|owners| owners.of(row)).map_or(&self.profile.name, |(_, name)| name)
    }

    /// The open details if they show a row of this profile.
    pub(crate) fn details_of(&mut self, profile: ProfileId) -> Option<&mut Details> {
        let row = self.details.as_ref()?.row();
        if self.owner(row) == profile { self.details.as_mut() } else { None }
    }

    /// Rebuilds the tab from the profiles' rows if it is out of date. This clears the selection and closes the details.
    pub(crate) fn rebuild(&mut self, parts: &[ProfileTab], preferences: &Preferences) {
        let Some(owners) = self.owners.as_mut().filter(|owners| owners.stale) else { return };
        owners.stale = false;
        owners.rows.clear();
        owners.recovered.clear();
        owners.copying = Some(Seq(u64::MAX));
        owners.profiles = parts.iter().map(|part| (part.profile.id, part.profile.name.clone())).collect();
        self.activities = Activities::new(preferences.link_lifetime());
        self.activities.set_rows_in_memory(preferences.rows_in_memory());
        self.activities.mark_read();
        self.table = crate::ui::view_state::table::Table::default();
        self.details = None;
        self.insight = crate::ui::view_state::insight::InsightCache::default();
        let mut view = View::new();
        view.set_filter(self.view.filter().clone());
        view.set_status_filter(self.view.status_filter());
        view.set_sort(self.view.sort());
        self.view = view;
        self.restoring = true;
        self.activities.merge_rest(parts.iter().map(|part| &part.activities));
    }

    /// Continues to copy the profiles' rows, newest first, while `time` returns `true`. Returns whether rows remain.
    pub(crate) fn copy_rows(&mut self, parts: &[ProfileTab], time: impl Fn() -> bool) -> bool {
        while let Some(before) = self.owners.as_ref().and_then(|owners| owners.copying) {
            let mut rows: Vec<(Seq, usize, RowId)> = Vec::new();
            for (number, part) in parts.iter().enumerate() {
                rows.extend(part.activities.before(before).take(SLICE).map(|(seq, row)| (seq, number, row)));
            }
            rows.sort_unstable_by_key(|(seq, ..)| std::cmp::Reverse(*seq));
            rows.truncate(SLICE);
            for (_, number, row) in &rows {
                if let Some(part) = parts.get(*number) {
                    self.merge_row(part, *row);
                }
            }
            if let Some(owners) = &mut self.owners {
                owners.copying = rows.last().map(|(seq, ..)| *seq);
            }
            if rows.is_empty() {
                self.restoring = false;
            } else if !time() {
                return true;
            }
        }
        false
    }

    /// Copies the changed rows and gaps of a profile again after a commit.
    pub(crate) fn merge_changes(&mut self, part: &ProfileTab, keys: &[ActivityKey]) {
        for row in keys.iter().filter_map(|key| part.activities.find(key)) {
            self.merge_row(part, row);
        }
        let Some(owners) = &mut self.owners else { return };
        let recovered = owners.recovered.entry(part.profile.id).or_default();
        recovered.refresh(&part.activities);
        for row in part.activities.gaps_changed_by(keys, recovered) {
            self.merge_row(part, row);
        }
    }

    fn merge_row(&mut self, part: &ProfileTab, row: RowId) {
        // If two profiles know the same id, it belongs to the profile that was merged first.
        let known = part.activity(row).and_then(|activity| self.activities.find(&activity.key()));
        if known.is_some_and(|here| self.owner(here) != part.profile.id) {
            return;
        }
        if let Some(here) = self.activities.merge_row(&part.activities, row)
            && let Some(owners) = &mut self.owners
        {
            owners.add(here, part.profile.id);
            if let Some(gap) = part.activities.gap(row) {
                owners.recovered.entry(part.profile.id).or_default().set(row, gap.is_recovered());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use crate::activity::{ActivityKey, Entry, Fact, Gap, GapCause, LocalEvent, Seq, Timestamp};
    use crate::protocol::Incoming;
    use crate::protocol::incoming::parse;
    use crate::settings::{Preferences, Profile, ProfileId};
    use crate::ui::profile_tab::ProfileTab;
    use crate::ui::view_state::row_owners::SLICE;

    #[test]
    fn the_rows_of_all_profiles_are_copied_in_slices_per_frame() {
        let preferences = Preferences::default();
        let part = |name: &str, first: u64| {
            let profile = Profile { id: ProfileId::random(), name: name.to_owned(), ..Profile::default() };
            let mut profile_tab = ProfileTab::new(profile, &preferences);
            for seq in first..first + 3_000 {
                let key = ActivityKey::Command(format!("{name}-{seq}").as_str().into());
                let entry = Entry::local(Timestamp(1), key, Fact::Local(LocalEvent::Tracked));
                profile_tab.activities.apply(&Entry { seq: Seq(seq), ..entry });
            }
            profile_tab
        };
        let parts = [part("one", 1), part("two", 10_000)];
        let mut all = ProfileTab::all_profiles(&preferences);
        all.rebuild(&parts, &preferences);
        assert_eq!(all.activities.len(), 0, "it copies before there is time");
        let mut before = 0;
        while all.copy_rows(&parts, || false) {
            let copied = all.activities.len() - before;
            assert!((1..=SLICE).contains(&copied), "{copied} rows in one frame");
            before = all.activities.len();
        }
        assert_eq!(all.activities.len(), 6_000);
        // Copying continues while there is time.
        let mut all = ProfileTab::all_profiles(&preferences);
        all.rebuild(&parts, &preferences);
        let looks = Cell::new(0);
        let time = || {
            looks.set(looks.get() + 1);
            looks.get() < 4
        };
        assert!(all.copy_rows(&parts, time));
        assert_eq!(all.activities.len(), 4 * SLICE);
    }
    fn data(seq: u64, output: u8, body: &str) -> Entry {
        let raw =
            format!(r#"{{"data":{{"type":"X-DPT-CAB-REQUEST-ID","id":"r","output_type":{output},"body":"{body}"}}}}"#);
        let Incoming::Message(message) = parse(&raw) else { panic!("not a message: {raw}") };
        Entry { seq: Seq(seq), ..Entry::local(Timestamp(1), ActivityKey::of(&message), Fact::Received(message)) }
    }

    #[test]
    fn a_recovered_gap_is_copied_again_if_one_of_its_activities_opens_again() {
        let preferences = Preferences::default();
        let profile = Profile { id: ProfileId::random(), name: "one".to_owned(), ..Profile::default() };
        let mut part = ProfileTab::new(profile, &preferences);
        let gap = Gap {
            from: Timestamp(1),
            to: Some(Timestamp(2)),
            cause: GapCause::Disconnected,
            open: Vec::new(),
            requests: 1,
            open_requests: vec!["r".into()],
        };
        let gap = Entry::local(Timestamp(1), ActivityKey::Gap("g".into()), Fact::Gap(gap));
        for entry in
            [data(1, 0, "Collecting"), Entry { seq: Seq(2), ..gap.clone() }, data(3, 1, "https://h/?auth=hidden")]
        {
            part.activities.apply(&entry);
        }
        let mut parts = [part];
        let mut all = ProfileTab::all_profiles(&preferences);
        all.rebuild(&parts, &preferences);
        while all.copy_rows(&parts, || true) {}
        let is_recovered =
            |all: &ProfileTab| all.activities.gap(all.activities.find(&gap.key).unwrap()).unwrap().is_recovered();
        assert!(is_recovered(&all));
        let token = data(4, 1, "a-token");
        parts[0].activities.apply(&token);
        all.merge_changes(&parts[0], &[token.key]);
        assert!(!is_recovered(&all));
    }
}
