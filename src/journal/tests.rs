use super::*;
use crate::activity::{Fact, Moment};
use crate::protocol::{Incoming, incoming};

fn heard(n: u64) -> Entry {
    let id = uuid::Uuid::new_v4();
    let raw = format!(
        r#"{{"data":{{"type":"X-DPT-CAB-ID","id":"{id}","command_status":2,"body":"Command completed successfully"}}}}"#
    );
    let Incoming::Message(message) = incoming::parse(&raw) else { panic!() };
    Entry {
        seq: Seq(0),
        at: Moment(i64::try_from(n).unwrap()),
        key: ActivityKey::of(&message),
        fact: Fact::Heard(message),
        raw: raw.into(),
    }
}

#[tokio::test]
#[ignore]
async fn speed() {
    for (batch, profiles) in [(1000, 1), (1000, 2), (8192, 1), (8192, 2), (100, 2)] {
        let dir = tempfile::tempdir_in(".").unwrap();
        let opened = Journal::open(dir.path()).unwrap();
        let total = 400_000;
        let ids: Vec<_> = (0..profiles).map(|_| ProfileId::random()).collect();
        let batches: Vec<Vec<Entry>> =
            (0..total / batch).map(|b| (0..batch).map(|i| heard(b * batch + i)).collect()).collect();
        #[allow(clippy::disallowed_methods)]
        let start = std::time::Instant::now();
        for (n, entries) in batches.into_iter().enumerate() {
            opened.journal.append(ids[n % ids.len()], entries).await.unwrap();
        }
        let t = start.elapsed();
        let start = tokio::time::Instant::now();
        let read = opened.journal.restore(ids[0], None, 100_000).await.unwrap();
        let t2 = start.elapsed();
        let start = tokio::time::Instant::now();
        let h = opened.journal.history(ids[0], &read[5].key, Seq(0), Seq(u64::MAX)).await.unwrap();
        println!(
            "batch {batch} profiles {profiles}: {:.0} rows/s, size {} MB; restore {} rows {:.0} rows/s; scan all {:?} {}",
            total as f64 / t.as_secs_f64(),
            opened.journal.size() >> 20,
            read.len(),
            read.len() as f64 / t2.as_secs_f64(),
            start.elapsed(),
            h.len()
        );
        opened.journal.close().await;
    }
}
