//! The proxy: who receives what.

use privicore_monitor::sandbox::{AUDIT_USERNAME, DEMO_USERNAME};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::client::{Client, Socket, until};
use crate::quiet;

fn event(id: &str) -> Value {
    json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": 2, "body": null}})
}

#[tokio::test]
async fn a_join_is_answered_with_its_correlation_id_and_a_channel() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::open(&running).await;
    let reply = socket.join(client.token()).await;
    assert_eq!(reply["status"], 200);
    assert_eq!(reply["correlationId"], "c-1");
    assert_eq!(reply["data"]["message"], "Successfully joined profile channel.");
    assert!(reply["data"]["channelId"].as_str().is_some_and(|id| id.len() == 36), "{reply}");
    let mut live = Socket::open(&running).await;
    live.send(&json!({"action": "joinChannel", "data": {"authorizationToken": client.token()}}).to_string()).await;
    let reply = live.next().await;
    assert_eq!((&reply["status"], reply.get("correlationId")), (&json!(200), None), "none sent, none echoed");
}

#[tokio::test]
async fn nothing_comes_before_the_join_and_what_waited_comes_after_it_in_order() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::open(&running).await;
    for n in 0..200 {
        running.control().publish(DEMO_USERNAME, &event(&n.to_string())).await.expect("published");
    }
    // `join` fails if anything arrives before its reply.
    socket.join(client.token()).await;
    for n in 0..200 {
        assert_eq!(socket.next().await, event(&n.to_string()));
    }
}

#[tokio::test]
async fn every_client_of_the_profile_hears_a_message_and_nobody_else_does() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let audit = Client::signed_in(&running, AUDIT_USERNAME).await;
    let mut first = Socket::joined(&running, &client).await;
    let mut second = Socket::joined(&running, &client).await;
    let mut other = Socket::joined(&running, &audit).await;
    let control = running.control();
    until("both have joined", || control.joined(DEMO_USERNAME).expect("a profile") == 2).await;
    for n in 0..50 {
        control.publish(DEMO_USERNAME, &event(&format!("demo-{n}"))).await.expect("published");
    }
    control.publish(AUDIT_USERNAME, &event("audit")).await.expect("published");
    for n in 0..50 {
        let expected = event(&format!("demo-{n}"));
        assert_eq!(first.next().await, expected);
        assert_eq!(second.next().await, expected);
    }
    assert_eq!(other.next().await, event("audit"), "another profile's message came");
}

#[tokio::test]
async fn a_bad_an_expired_and_a_missing_token_are_refused_on_a_connection_that_stays_usable() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::open(&running).await;
    let refused = socket.join("T-made-up").await;
    assert_eq!(refused["status"], 401);
    assert!(refused["data"]["message"].is_string(), "{refused}");
    running.control().expire_tokens(DEMO_USERNAME).expect("a profile");
    assert_eq!(socket.join(client.token()).await["status"], 401, "expired");
    socket.send(r#"{"action":"joinChannel","data":{}}"#).await;
    assert_eq!(socket.next().await["status"], 400);
    socket.send("not JSON").await;
    assert_eq!(socket.next().await["status"], 400);
    let again = Client::signed_in(&running, DEMO_USERNAME).await;
    assert_eq!(socket.join(again.token()).await["status"], 200);
}

#[tokio::test]
async fn after_leaving_nothing_comes_and_the_connection_can_join_another_profile() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let audit = Client::signed_in(&running, AUDIT_USERNAME).await;
    let mut socket = Socket::open(&running).await;
    let channel = socket.join(client.token()).await["data"]["channelId"].clone();
    assert_eq!(socket.join(audit.token()).await["status"], 409, "one channel a connection");
    socket.send(r#"{"action":"leaveChannel","data":{"channelId":"another"}}"#).await;
    assert_eq!(socket.next().await["status"], 404);
    socket
        .send(&json!({"action": "leaveChannel", "correlationId": "l", "data": {"channelId": channel}}).to_string())
        .await;
    let left = socket.next().await;
    assert_eq!((&left["status"], &left["correlationId"]), (&json!(200), &json!("l")));
    assert_eq!(left["data"], json!({"channelId": channel, "message": "Successfully left profile channel."}));
    running.control().publish(DEMO_USERNAME, &event("missed")).await.expect("published");
    assert_eq!(socket.join(audit.token()).await["status"], 200);
    running.control().publish(AUDIT_USERNAME, &event("audit")).await.expect("published");
    assert_eq!(socket.next().await, event("audit"));
    let mut later = Socket::joined(&running, &client).await;
    assert_eq!(later.next().await, event("missed"), "the queue did not keep it");
}

#[tokio::test]
async fn a_cut_connection_ends_and_what_came_meanwhile_waits() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    running.control().drop_connections();
    assert_eq!(socket.try_next().await, None);
    until("the place is given up", || running.control().joined(DEMO_USERNAME).expect("a profile") == 0).await;
    running.control().publish(DEMO_USERNAME, &event("meanwhile")).await.expect("published");
    let mut socket = Socket::joined(&running, &client).await;
    assert_eq!(socket.next().await, event("meanwhile"));
}

#[tokio::test]
async fn a_client_that_closes_gets_its_code_back_and_leaves_its_place() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    until("it has joined", || running.control().joined(DEMO_USERNAME).expect("a profile") == 1).await;
    socket.close(1000).await;
    let Ok(Message::Close(Some(frame))) = socket.frame().await else { panic!("the close was not answered") };
    assert_eq!(u16::from(frame.code), 1000);
    assert!(matches!(socket.frame().await, Err(Error::ConnectionClosed)), "it did not end cleanly");
    until("the place is given up", || running.control().joined(DEMO_USERNAME).expect("a profile") == 0).await;
}
