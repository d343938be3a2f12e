//! Exporting from the running engine: what is filtered, whole or not there, and a sentence either way.

use privicore_monitor::activity::record::Format;
use privicore_monitor::activity::{ActivityKey, Chip, Filter};
use privicore_monitor::engine::{Action, Export};
use privicore_monitor::sandbox::DEMO_USERNAME;

use super::quiet;
use super::window::{Machine, Window};

#[tokio::test]
async fn what_fits_the_filter_and_the_chip_is_in_the_file_and_nothing_else() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    for (id, status) in [("a-1", 2), ("a-2", 3), ("b-1", 3)] {
        let message =
            serde_json::json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": status, "body": "x"}});
        sandbox.control().publish(DEMO_USERNAME, &message).await.expect("published");
        window.entry(&ActivityKey::Command(id.into()), |_| true).await;
    }
    let export = |to| {
        let filter = Filter::parse("id:a").expect("a filter");
        let profile = Some(profile);
        Action::Export(Box::new(Export {
            profile,
            format: Format::Ndjson,
            filter,
            chip: Chip::Failed,
            messages: false,
            to,
        }))
    };
    let file = machine.file("out.ndjson");
    window.act(export(file.clone()));
    let notice = window.notice("1 line exported to").await;
    assert!(matches!(&notice.remedy, Some((_, Action::ShowInFolder(shown))) if *shown == file), "{notice:?}");
    let text = std::fs::read_to_string(&file).expect("the file");
    let line: serde_json::Value = serde_json::from_str(&text).expect("one line");
    assert_eq!((&line["id"], &line["status"]), (&"a-2".into(), &"Failed".into()), "{text}");
    let nowhere = machine.file("gone").join("out.csv");
    window.act(export(nowhere.clone()));
    window.notice("Nothing was exported").await;
    assert!(!nowhere.exists(), "something is there");
    window.quit().await;
}
