//! Requesting stored data: the list of data tokens, one request each, and the same data again.

use privicore_monitor::activity::{ActivityKey, Fact, LocalEvent, Requested};
use privicore_monitor::engine::{Action, Event, RestError};
use privicore_monitor::protocol::{DataBody, DataToken, DataTokenPage, Message, StoredData};
use privicore_monitor::sandbox::DEMO_USERNAME;
use privicore_monitor::settings::ProfileId;

use crate::quiet;
use crate::scripted::{Backend, proxy};
use crate::server_answers::profile as profile_at;
use crate::window::{Machine, Window, with_token};

async fn page(window: &mut Window, profile: ProfileId, page: u32) -> Result<DataTokenPage, RestError> {
    window.act(Action::ListDataTokens { profile, page });
    window
        .wait("a page of data tokens", |event| match event {
            Event::DataTokens { page: told, answer, .. } if *told == page => Some(answer.clone()),
            _ => None,
        })
        .await
}

/// The next request that the window receives.
async fn requested(window: &mut Window) -> (ActivityKey, Requested) {
    window
        .wait("a request", |event| match event {
            Event::Committed { entries, .. } => entries.iter().find_map(|entry| match &entry.fact {
                Fact::Local(LocalEvent::Requested(requested)) => Some((entry.key.clone(), requested.clone())),
                _ => None,
            }),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn data_tokens_are_listed_in_pages_and_requested_with_their_names() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    let before = page(&mut window, profile, 1).await.expect("a page").count.expect("a count");
    for number in 0..150 {
        let name = format!("report {number}.pdf");
        sandbox.control().store_data(DEMO_USERNAME, vec![7; 100], &name, "reports/2026").expect("stored");
    }
    let first = page(&mut window, profile, 1).await.expect("a page");
    let second = page(&mut window, profile, 2).await.expect("a page");
    assert_eq!(first.items.len(), 100);
    assert_eq!(first.count, Some(before + 150));
    let names = |page: &DataTokenPage| page.items.iter().map(|item| item.file_name.clone()).collect::<Vec<_>>();
    let all = [names(&first), names(&second)].concat();
    assert!((0..150).all(|number| all.contains(&format!("report {number}.pdf"))), "{all:?}");

    let wanted = first.items.iter().find(|item| item.file_name == "report 149.pdf").expect("the newest").clone();
    window.act(Action::RequestData { profile, data: vec![wanted.clone()], folder: None });
    let (key, request) = requested(&mut window).await;
    assert_eq!(
        (request.token, request.file_name.as_str(), request.context.as_str(), request.size),
        (wanted.token.clone(), "report 149.pdf", "reports/2026", Some(100))
    );
    assert!(request.command.is_some(), "the command is not known");
    // It arrives under the id that the server assigned.
    window
        .entry(&key, |entry| match &entry.fact {
            Fact::Received(Message::Data(report)) => matches!(report.delivery, DataBody::Inline { size: 100, .. }),
            _ => false,
        })
        .await;

    let ActivityKey::Data(id) = key else { panic!("{key:?}") };
    window.act(Action::RequestAgain { profile, request: id.clone(), span: None });
    let (key, request) = requested(&mut window).await;
    assert_ne!(key, ActivityKey::Data(id.clone()), "the new request has the old id");
    assert_eq!((request.token, request.again), (wanted.token, Some(id)));
    window.quit().await;
}

#[tokio::test]
async fn a_failed_data_request_is_reported_with_its_name() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    let gone = StoredData {
        token: DataToken::new("dtk-canary"),
        context: String::new(),
        file_name: "gone.pdf".to_owned(),
        size: None,
        created: None,
    };
    window.act(Action::RequestData { profile, data: vec![gone], folder: None });
    let notice = window.notice("gone.pdf was not requested").await;
    assert!(notice.sentence().contains("does not know this data"), "{}", notice.sentence());
    window.act(Action::RequestAgain { profile, request: "never".into(), span: None });
    window.notice("its data token is not known").await;
    sandbox.control().expire_tokens(DEMO_USERNAME).expect("a profile");
    let refused = page(&mut window, profile, 1).await.expect_err("an expired token lists");
    assert!(matches!(refused, RestError::Unauthorised(_)), "{refused}");
    assert!(refused.to_string().contains("Sign in again"), "{refused}");
    let received = window.quit().await;
    assert!(!format!("{received:?}").contains("canary"), "a data token showed itself");
}

#[tokio::test]
async fn half_a_character_in_one_name_hides_no_other_and_its_data_can_be_requested() {
    let answer = |line: &str| {
        if line.starts_with("GET /data-token/list-data-tokens") {
            let items =
                r#"{"token":"dtk-1","fileName":"x\ud83d.csv","context":"\udc00"},{"token":"dtk-2","fileName":"y.csv"}"#;
            (200, format!(r#"{{"items":[{items}],"meta":{{"count":2,"page":1,"perPage":100}}}}"#))
        } else if line.starts_with("POST /data-token/request-data") {
            (202, r#"{"commandId":"c-1","requestId":"r-1"}"#.to_owned())
        } else {
            (200, "{}".to_owned())
        }
    };
    let backend = Backend::start(answer).await;
    let websocket = proxy(&["T-good"]).await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let signed_in = profile_at(&backend, &websocket);
    let profile = signed_in.id;
    window.act(Action::SignIn(Box::new(with_token(signed_in, "T-good"))));
    window.signed_in().await.expect("signed in");
    let listed = page(&mut window, profile, 1).await.expect("a page").items;
    let names: Vec<_> = listed.iter().map(|item| item.file_name.as_str()).collect();
    assert_eq!(names, ["x\u{fffd}.csv", "y.csv"]);
    window.act(Action::RequestData { profile, data: listed, folder: None });
    let (_, request) = requested(&mut window).await;
    assert_eq!((request.token.as_str(), request.file_name.as_str()), ("dtk-1", "x\u{fffd}.csv"));
    window.quit().await;
}
