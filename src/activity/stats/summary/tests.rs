use proptest::prelude::*;

use crate::activity::stats::throughput::MINUTES;

use super::*;

fn outcome(minute: i64, failed: Option<u32>, bin: Option<u8>) -> Outcome {
    Outcome { minute, failed: failed.map(TextId::at), bin }
}

fn at(minute: i64) -> Timestamp {
    Timestamp(minute * MINUTE + 1)
}

fn insight_at(outcomes: &Outcomes, stretch: TimeRange, minute: i64, pool: &Interner) -> Insight {
    outcomes.insight(stretch, at(minute), Vec::new(), pool)
}

#[test]
fn outcomes_are_counted_per_minute_with_their_reasons_most_frequent_first() {
    let mut pool = Interner::default();
    let (owner, active) = (pool.intern("profile.not_an_owner"), pool.intern("policy.already_active"));
    let mut outcomes = Outcomes::default();
    for (minute, failed) in [(100, None), (100, Some(active)), (98, Some(owner)), (98, Some(owner)), (30, Some(owner))]
    {
        outcomes.add(Outcome { minute, failed, bin: Some(36) });
    }
    outcomes.add(Outcome { minute: 99, failed: Some(TextId::default()), bin: None });
    let insight = insight_at(&outcomes, TimeRange::HOUR, 100, &pool);
    assert_eq!((insight.settled, insight.failed), (5, 4), "what is older than an hour is left out");
    assert_eq!(insight.failures.iter().rev().take(4).copied().collect::<Vec<_>>(), [1, 1, 2, 0]);
    let reasons: Vec<_> = insight.reasons.iter().map(|(reason, count)| (&**reason, *count)).collect();
    assert_eq!(reasons, [("profile.not_an_owner", 2), ("", 1), ("policy.already_active", 1)]);
    assert_eq!((insight.timed(), insight.begins), (4, Timestamp(41 * MINUTE)));
    assert_eq!(insight_at(&outcomes, TimeRange::DAY, 100, &pool).failed, 5);
}

#[test]
fn bars_are_aligned_to_the_clock_and_the_last_is_in_progress() {
    assert_eq!(TimeRange::SIX_HOURS.minutes(at(100)), 356);
    assert_eq!(TimeRange::SIX_HOURS.minutes(at(104)), 360);
    let mut minutes = [1; 356];
    (minutes[0], minutes[355]) = (10, 7);
    let bars = TimeRange::SIX_HOURS.sums(&minutes);
    assert_eq!((bars.len(), bars.first(), bars.last()), (72, Some(&14), Some(&7)));
    for stretch in [TimeRange::HOUR, TimeRange::SIX_HOURS, TimeRange::DAY] {
        let most = (0..1_440).map(|minute| stretch.minutes(at(minute))).max();
        assert!(most <= Some(MINUTES as usize), "{stretch:?} looks at minutes that are not kept");
    }
}

#[test]
fn a_duration_is_in_the_bin_that_begins_at_or_before_it() {
    let bin = |millis: u64| bin_of(Duration::from_millis(millis));
    assert_eq!([0, 1, 10, 100, 1_000, 10_000].map(bin), [0, 0, 12, 24, 36, 48]);
    assert_eq!(bin_of(Duration::MAX), 95);
    for number in 0..u8::try_from(BINS).unwrap() {
        assert_eq!(bin_of(bin_start(number)), number);
    }
}

#[test]
fn quantiles_match_the_durations_of_the_commands() {
    let mut outcomes = Outcomes::default();
    for bin in std::iter::repeat_n(36, 90).chain(std::iter::repeat_n(60, 10)) {
        outcomes.add(outcome(7, None, Some(bin)));
    }
    let insight = insight_at(&outcomes, TimeRange::HOUR, 7, &Interner::default());
    let seconds = |share| insight.quantile(share).unwrap().as_secs_f64();
    assert!((1.0..1.22).contains(&seconds(0.5)), "{}", seconds(0.5));
    assert!((100.0..122.0).contains(&seconds(0.95)), "{}", seconds(0.95));
    let nothing = insight_at(&Outcomes::default(), TimeRange::HOUR, 7, &Interner::default());
    assert_eq!(nothing.quantile(0.5), None);
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    let minute = prop_oneof![1_000_i64..1_020, 0_i64..4_000];
    let bin = prop::option::of(0_u8..96);
    (minute, prop::option::of(0_u32..1), bin).prop_map(|(minute, failed, bin)| outcome(minute, failed, bin))
}

proptest! {
    /// After additions and removals in any order, the result equals a fresh count of the rest.
    #[test]
    fn incremental_counts_equal_a_full_count(
        changes in prop::collection::vec((any_outcome(), prop::option::of(0_usize..80)), 1..80),
    ) {
        let mut outcomes = Outcomes::default();
        let mut left: Vec<Outcome> = Vec::new();
        for (outcome, removes) in changes {
            if let Some(at) = removes.filter(|at| *at < left.len()) {
                let gone = left.swap_remove(at);
                outcomes.remove(gone);
            } else {
                left.push(outcome);
                outcomes.add(outcome);
            }
        }
        prop_assert!(outcomes.buckets.len() <= MAX_MINUTES);
        let now = outcomes.buckets.keys().next_back().copied().unwrap_or(0);
        for stretch in [TimeRange::HOUR, TimeRange::SIX_HOURS, TimeRange::DAY] {
            let insight = insight_at(&outcomes, stretch, now, &Interner::default());
            let first = minute(insight.begins);
            let inside: Vec<_> = left.iter().filter(|outcome| (first..=now).contains(&outcome.minute)).collect();
            let failed = inside.iter().filter(|outcome| outcome.failed.is_some()).count() as u64;
            prop_assert_eq!(insight.settled, inside.len() as u64);
            prop_assert_eq!(insight.failed, failed);
            prop_assert_eq!(insight.reasons.iter().map(|(_, count)| count).sum::<u64>(), failed);
            prop_assert_eq!(insight.failures.iter().map(|count| u64::from(*count)).sum::<u64>(), failed);
            prop_assert_eq!(insight.timed(), inside.iter().filter(|outcome| outcome.bin.is_some()).count() as u64);
        }
    }
}
