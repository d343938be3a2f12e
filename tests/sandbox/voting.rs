//! Voting configurations, pools and votes, and the policies that make commands wait for them.

use std::time::Duration;

use privicore_monitor::sandbox::{AUDIT_USERNAME, DEMO_USERNAME, SandboxHandle};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::client::{Client, Socket, body, text};
use crate::{pass, quiet, quiet_docs};

const CONFIGURE: &str = "/verified-authenticator/voting-configuration/register";

/// A voting configuration for two authenticators, and a policy that holds data requests for it.
struct Held {
    running: SandboxHandle,
    client: Client,
    socket: Socket,
    devices: [String; 2],
    token: String,
}

impl Held {
    async fn new(running: SandboxHandle, strategy: &str, more: &[(&str, &str)]) -> Self {
        let client = Client::signed_in(&running, DEMO_USERNAME).await;
        let mut socket = Socket::joined(&running, &client).await;
        let first = client.authenticator(&mut socket, "phone-a").await;
        let second = client.authenticator(&mut socket, "phone-b").await;
        let configuration = configure(&client, &mut socket, strategy, more).await;
        let events = event_id(&client, "data_token.data_requested").await;
        let policy = [
            ("name", "two phones"),
            ("configuration", r#"{"reason":"reviewed"}"#),
            ("votingConfigurationId", configuration.as_str()),
            ("applyingEventIds", events.as_str()),
        ];
        client.done(&mut socket, "/policy/register", &policy).await;
        client.done(&mut socket, "/policy/activate", &[("name", "two phones")]).await;
        let stored = running.control().store_data(DEMO_USERNAME, b"payload".to_vec(), "a.txt", "c").expect("stored");
        let token = stored.as_str().to_owned();
        Self { running, client, socket, devices: [first, second], token }
    }

    /// Requests data. Returns the command, the request and the pool that the command waits for.
    async fn request(&mut self) -> (String, String, String) {
        let (command, request) = self.client.request_data(&self.token).await;
        (command.clone(), request, self.pool(&command).await)
    }

    /// The pool that a command waits for: the next message names it.
    async fn pool(&mut self, command: &str) -> String {
        let message = self.socket.next().await;
        let data = &message["data"];
        assert_eq!((&data["type"], &data["commandId"]), (&json!("X-DPT-VOTING-POOL"), &json!(command)));
        text(data, "/id")
    }

    async fn vote(&self, pool: &str, device: usize, vote: &str) -> Value {
        let fields = [("poolId", pool), ("deviceId", self.devices[device].as_str()), ("vote", vote)];
        body(self.client.post("/sandbox/vote", &fields).await, StatusCode::OK).await
    }

    async fn status(&self, pool: &str) -> Value {
        self.client.json(&format!("/voting/check-pool-status/{pool}")).await
    }

    /// Requests data that nothing holds any more.
    async fn request_at_once(&mut self) {
        let (command, request) = self.client.request_data(&self.token).await;
        let first = self.socket.next().await;
        assert_eq!(first["data"]["id"], request.as_str(), "{first}");
        self.socket.success(&command).await;
    }
}

/// Registers a voting configuration. Returns its id.
async fn configure(client: &Client, socket: &mut Socket, strategy: &str, more: &[(&str, &str)]) -> String {
    let fields = [&[("name", "high-assurance"), ("strategy", strategy), ("timeLimit", "60")][..], more].concat();
    text(&client.done(socket, CONFIGURE, &fields).await, "/votingConfigurationId")
}

/// The id of an event, by its name in the policy templates.
async fn event_id(client: &Client, event: &str) -> String {
    let templates = client.json("/policy/list-policy-templates").await;
    let ids = templates.as_array().expect("a list").iter().filter_map(|template| template["events"][event].as_u64());
    ids.map(|id| id.to_string()).next().expect("an event")
}

#[tokio::test]
async fn the_templates_name_every_event_with_its_id() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    for (event, id) in [
        ("data_token.data_exchanged", "101"),
        ("data_token.data_requested", "102"),
        ("data_token.data_updated", "103"),
        ("data_token.data_deleted", "104"),
        ("device.device_approved", "201"),
        ("device.device_removed", "202"),
        ("profile.password_changed", "301"),
    ] {
        assert_eq!(event_id(&client, event).await, id);
    }
    let templates = client.json("/policy/list-policy-templates").await;
    assert!(templates[0]["templateId"].is_string() && templates[0]["description"].is_string(), "{templates}");
}

#[tokio::test]
async fn a_held_request_is_delivered_when_all_have_approved() {
    let mut held = Held::new(quiet().await, "unanimous", &[]).await;
    let (command, request, pool) = held.request().await;
    let pending = held.client.json(&format!("/request-status/{command}")).await;
    assert_eq!(pending["command_status"], 1);
    let opened = held.status(&pool).await;
    assert_eq!(
        (&opened["status"], &opened["quorum"], &opened["commandId"]),
        (&json!("open"), &json!(2), &json!(command))
    );
    assert_eq!(opened["ballots"], json!({"for": 0, "against": 0, "open": 2}));
    let ballots = held.client.json(&format!("/sandbox/ballots?deviceId={}", held.devices[0])).await;
    assert_eq!((&ballots[0]["poolId"], &ballots[0]["title"]), (&json!(pool), &json!("two phones")));
    assert_eq!(held.client.json("/sandbox/ballots").await.as_array().map(Vec::len), Some(2));

    assert_eq!(held.vote(&pool, 0, "yes").await["ballots"], json!({"for": 1, "against": 0, "open": 1}));
    let again = [("poolId", pool.as_str()), ("deviceId", held.devices[0].as_str()), ("vote", "no")];
    let again = body(held.client.post("/sandbox/vote", &again).await, StatusCode::CONFLICT).await;
    assert_eq!(again["message"], "voting.already_voted");
    assert!(!held.socket.hears_within(Duration::from_secs(5)).await, "one of two is not enough");
    assert_eq!(held.vote(&pool, 1, "yes").await["status"], "approved");
    let first = held.socket.next().await;
    assert_eq!((&first["data"]["id"], &first["data"]["body"]), (&json!(request), &json!("cGF5bG9hZA==")));
    held.socket.success(&command).await;
    assert_eq!(held.client.json("/sandbox/ballots").await, json!([]));
}

#[tokio::test]
async fn a_held_request_fails_when_one_has_rejected() {
    let mut held = Held::new(quiet().await, "unanimous", &[]).await;
    let (command, _, pool) = held.request().await;
    assert_eq!(held.vote(&pool, 1, "no").await["status"], "rejected");
    // The next message is the outcome, so no data came.
    let outcome = held.socket.next().await;
    let expected = json!({
        "type": "X-DPT-CAB-ID", "id": command, "command_status": 3, "body": "voting.rejected_by_quorum",
    });
    assert_eq!(outcome["data"], expected);
    let late = [("poolId", pool.as_str()), ("deviceId", held.devices[0].as_str()), ("vote", "yes")];
    let late = body(held.client.post("/sandbox/vote", &late).await, StatusCode::CONFLICT).await;
    assert_eq!(late["message"], "voting.pool_closed");
}

#[tokio::test]
async fn a_held_request_fails_when_the_last_attempt_is_over() {
    let mut held = Held::new(quiet().await, "unanimous", &[("attempts", "2")]).await;
    let (command, _, pool) = held.request().await;
    held.vote(&pool, 0, "yes").await;
    pass(Duration::from_secs(61)).await;
    let second = held.status(&pool).await;
    assert_eq!((&second["attempt"], &second["status"]), (&json!(2), &json!("open")));
    assert_eq!(second["ballots"]["open"], 2, "the second attempt begins with new ballots");
    pass(Duration::from_mins(1)).await;
    assert_eq!(held.socket.failure(&command).await, "voting.time_limit_reached");
    assert_eq!(held.status(&pool).await["status"], "timed_out");
}

#[tokio::test]
async fn strategy_and_quorum_decide() {
    let mut held = Held::new(quiet().await, "affirmative", &[("quorum", "1")]).await;
    let (command, _, pool) = held.request().await;
    assert_eq!(held.vote(&pool, 1, "yes").await["status"], "approved", "one vote is enough");
    held.socket.success(&command).await;

    let percentage = [("quorum", "2"), ("percentageRequired", "50")];
    let mut held = Held::new(quiet().await, "minimum_percentage", &percentage).await;
    let (command, _, pool) = held.request().await;
    held.vote(&pool, 0, "no").await;
    assert_eq!(held.vote(&pool, 1, "yes").await["status"], "approved", "half of the votes are enough");
    held.socket.success(&command).await;

    let mut held = Held::new(quiet().await, "consensus", &[]).await;
    let (command, _, pool) = held.request().await;
    assert_eq!(held.vote(&pool, 0, "yes").await["status"], "open");
    pass(Duration::from_secs(61)).await;
    assert_eq!(held.socket.failure(&command).await, "voting.quorum_not_reached");
}

#[tokio::test]
async fn only_active_policies_hold_and_a_deleted_one_holds_no_more() {
    let mut held = Held::new(quiet().await, "unanimous", &[]).await;
    let name = [("name", "two phones")];
    let listed = held.client.json("/sandbox/policies").await;
    assert_eq!((&listed[0]["status"], &listed[0]["name"]), (&json!("active"), &json!("two phones")));
    assert_eq!(listed[0]["configuration"], json!({"reason": "reviewed"}));
    let Held { client, socket, .. } = &mut held;
    assert_eq!(client.failed(socket, "/policy/activate", &name).await, "policy.already_active");
    client.done(socket, "/policy/deactivate", &name).await;
    assert_eq!(client.failed(socket, "/policy/deactivate", &name).await, "policy.not_active");
    held.request_at_once().await;
    let Held { client, socket, .. } = &mut held;
    client.done(socket, "/policy/activate", &name).await;
    client.done(socket, "/policy/delete", &name).await;
    for path in ["/policy/delete", "/policy/activate", "/policy/deactivate"] {
        assert_eq!(client.failed(socket, path, &name).await, "policy.not_found");
    }
    held.request_at_once().await;
}

#[tokio::test]
async fn other_events_are_held_too_and_the_docs_dialect_reports_pending_first() {
    let mut held = Held::new(quiet_docs().await, "affirmative", &[]).await;
    let configurations = held.client.json("/sandbox/voting-configurations").await;
    let configuration = text(&configurations, "/0/votingConfigurationId");
    let events = event_id(&held.client, "data_token.data_deleted").await;
    let policy = [
        ("name", "deletions"),
        ("configuration", r#"{"reason":"reviewed"}"#),
        ("votingConfigurationId", configuration.as_str()),
        ("applyingEventIds", events.as_str()),
    ];
    let Held { client, socket, token, .. } = &mut held;
    client.done(socket, "/policy/register", &policy).await;
    client.done(socket, "/policy/activate", &[("name", "deletions")]).await;
    let command = client.command("/data-token/delete-data", &[("token", token)]).await;
    let pending = socket.next().await;
    assert_eq!((&pending["data"]["id"], &pending["data"]["command_status"]), (&json!(command), &json!(1)));
    let pool = held.pool(&command).await;
    let count = held.client.json("/data-token/list-data-tokens").await;
    assert_eq!(count["meta"]["count"], 1, "deleted before the vote");
    held.vote(&pool, 0, "yes").await;
    held.socket.success(&command).await;
    assert_eq!(held.client.json("/data-token/list-data-tokens").await["meta"]["count"], 0);
}

#[tokio::test]
async fn a_policy_without_authenticators_fails_what_it_holds() {
    let mut held = Held::new(quiet().await, "unanimous", &[]).await;
    let Held { client, socket, devices, token, .. } = &mut held;
    for device in devices.iter() {
        client.done(socket, "/device/remove", &[("deviceId", device)]).await;
    }
    let (command, _) = client.request_data(token).await;
    assert_eq!(socket.failure(&command).await, "voting.no_authenticators");
}

#[tokio::test]
async fn a_vote_can_be_called_without_a_policy() {
    let held = Held::new(quiet().await, "consensus", &[]).await;
    let configurations = held.client.json("/sandbox/voting-configurations").await;
    let configuration = text(&configurations, "/0/votingConfigurationId");
    let fields = json!({
        "votingConfigurationId": configuration, "title": "Team", "question": "Add John?", "nonce": "hr-1",
        "skipAuthenticatorDevices": [held.devices[1]],
    });
    let created = body(held.client.post_json("/voting/create", &fields).await, StatusCode::OK).await;
    let pool = text(&created, "/poolId");
    let opened = held.status(&pool).await;
    assert_eq!((&opened["ballots"]["open"], &opened["nonce"]), (&json!(1), &json!("hr-1")));
    let skipped = [("poolId", pool.as_str()), ("deviceId", held.devices[1].as_str()), ("vote", "yes")];
    assert_eq!(held.client.post("/sandbox/vote", &skipped).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(held.vote(&pool, 0, "yes").await["status"], "approved");
}

#[tokio::test]
async fn pools_votes_and_configurations_are_their_owners_alone() {
    let mut held = Held::new(quiet().await, "unanimous", &[]).await;
    let (_, _, pool) = held.request().await;
    let audit = Client::signed_in(&held.running, AUDIT_USERNAME).await;
    let mut audits = Socket::joined(&held.running, &audit).await;
    let status = audit.get(&format!("/voting/check-pool-status/{pool}")).await;
    assert_eq!(status.status(), StatusCode::NOT_FOUND);
    let vote = [("poolId", pool.as_str()), ("deviceId", held.devices[0].as_str()), ("vote", "yes")];
    assert_eq!(audit.post("/sandbox/vote", &vote).await.status(), StatusCode::NOT_FOUND);
    for path in ["/sandbox/ballots", "/sandbox/policies", "/sandbox/voting-configurations"] {
        assert_eq!(audit.json(path).await, json!([]), "{path}");
    }
    let configurations = held.client.json("/sandbox/voting-configurations").await;
    let configuration = text(&configurations, "/0/votingConfigurationId");
    let fields = [("votingConfigurationId", configuration.as_str()), ("title", "t"), ("question", "q")];
    assert_eq!(audit.post("/voting/create", &fields).await.status(), StatusCode::NOT_FOUND);
    let policy = [
        ("name", "two phones"),
        ("configuration", r#"{"reason":"reviewed"}"#),
        ("votingConfigurationId", configuration.as_str()),
        ("applyingEventIds", "102"),
    ];
    let reason = audit.failed(&mut audits, "/policy/register", &policy).await;
    assert_eq!(reason, "voting_configuration.not_found");
    assert_eq!(audit.failed(&mut audits, "/policy/activate", &[("name", "two phones")]).await, "policy.not_found");
    let foreign =
        [("name", "n"), ("strategy", "unanimous"), ("timeLimit", "9"), ("deviceIdentifiers", held.devices[0].as_str())];
    assert_eq!(audit.failed(&mut audits, CONFIGURE, &foreign).await, "verified_authenticator.not_found");
}

#[tokio::test]
async fn a_voting_configuration_is_registered_by_json_once_per_name() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let device = client.authenticator(&mut socket, "phone-a").await;
    let fields = json!({"name": "two-thirds", "strategy": "minimum_percentage", "percentageRequired": 67, "timeLimit": 180,
            "deviceIdentifiers": [device]});
    let accepted = body(client.post_json(CONFIGURE, &fields).await, StatusCode::ACCEPTED).await;
    let (status, outcome) = socket.outcome(&text(&accepted, "/commandId")).await;
    let list = client.json("/sandbox/voting-configurations").await;
    assert_eq!((status, &list[0]["votingConfigurationId"]), (2, &outcome["votingConfigurationId"]));
    assert_eq!((&list[0]["strategy"], &list[0]["timeLimit"]), (&json!("minimum_percentage"), &json!(180)));
    assert_eq!((&list[0]["percentageRequired"], &list[0]["deviceIdentifiers"]), (&json!(67), &json!([device])));
    let again = body(client.post_json(CONFIGURE, &fields).await, StatusCode::ACCEPTED).await;
    let reason = socket.failure(&text(&again, "/commandId")).await;
    assert_eq!(reason, "voting_configuration.already_exists");
}

#[tokio::test]
async fn a_held_request_for_data_that_was_deleted_fails_when_it_is_approved() {
    for size in [7, 100_000] {
        let mut held = Held::new(quiet().await, "affirmative", &[]).await;
        let stored = held.running.control().store_data(DEMO_USERNAME, vec![7; size], "a.bin", "c").expect("stored");
        held.token = stored.as_str().to_owned();
        let (command, _, pool) = held.request().await;
        let Held { client, socket, token, .. } = &mut held;
        client.done(socket, "/data-token/delete-data", &[("token", token)]).await;
        held.vote(&pool, 0, "yes").await;
        let outcome = held.socket.next().await;
        let expected =
            json!({"type": "X-DPT-CAB-ID", "id": command, "command_status": 3, "body": "data_token.not_found"});
        assert_eq!(outcome["data"], expected);
    }
}

#[tokio::test]
async fn a_removed_authenticator_is_no_longer_waited_for() {
    let mut held = Held::new(quiet().await, "unanimous", &[]).await;
    let (command, _, pool) = held.request().await;
    held.vote(&pool, 0, "yes").await;
    let Held { client, socket, devices, .. } = &mut held;
    // The outcomes come in either order.
    let removal = client.command("/device/remove", &[("deviceId", &devices[1])]).await;
    let mut settled = Vec::new();
    while settled.len() < 2 {
        let message = socket.next().await;
        if message["data"]["type"] == "X-DPT-CAB-ID" {
            assert_eq!(message["data"]["command_status"], 2, "{message}");
            settled.push(text(&message, "/data/id"));
        }
    }
    settled.sort();
    let mut expected = [command, removal];
    expected.sort();
    assert_eq!(settled, expected);
    let status = held.status(&pool).await;
    assert_eq!(
        (&status["status"], &status["ballots"]),
        (&json!("approved"), &json!({"for": 1, "against": 0, "open": 0}))
    );
}

#[tokio::test]
async fn a_pool_without_any_authenticator_left_fails_at_once() {
    let mut held = Held::new(quiet().await, "affirmative", &[("quorum", "2")]).await;
    let (command, _, pool) = held.request().await;
    let Held { client, socket, devices, .. } = &mut held;
    client.done(socket, "/device/remove", &[("deviceId", &devices[1])]).await;
    assert_eq!(socket.failure(&command).await, "voting.quorum_not_reached");
    assert_eq!(held.status(&pool).await["status"], "timed_out");
    let mut held = Held::new(quiet().await, "unanimous", &[]).await;
    let (command, _, pool) = held.request().await;
    let Held { client, socket, devices, .. } = &mut held;
    client.done(socket, "/device/remove", &[("deviceId", &devices[0])]).await;
    client.command("/device/remove", &[("deviceId", &devices[1])]).await;
    assert_eq!(socket.failure(&command).await, "voting.no_authenticators");
    assert_eq!(held.status(&pool).await["status"], "timed_out");
}

#[tokio::test]
async fn a_quorum_that_can_never_be_reached_is_refused() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let device = client.authenticator(&mut socket, "phone-a").await;
    client.authenticator(&mut socket, "phone-b").await;
    let rules = [("name", "n"), ("strategy", "consensus"), ("timeLimit", "9")];
    for more in [&[("quorum", "3")][..], &[("quorum", "2"), ("deviceIdentifiers", device.as_str())]] {
        let refused = client.post(CONFIGURE, &[&rules[..], more].concat()).await;
        let refused = body(refused, StatusCode::UNPROCESSABLE_ENTITY).await;
        assert!(refused["errors"]["quorum"].is_array(), "{refused}");
    }
    client.done(&mut socket, CONFIGURE, &[&rules[..], &[("quorum", "2")]].concat()).await;
}
