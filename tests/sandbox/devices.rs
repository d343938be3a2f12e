//! Devices, and the roles that they can have: storage and authenticator.

use privicore_monitor::sandbox::{AUDIT_USERNAME, DEMO_USERNAME};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::client::{Client, Socket, body, text};
use crate::quiet;

#[tokio::test]
async fn a_device_goes_from_request_to_removal() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let audit = Client::signed_in(&running, AUDIT_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let mut audits = Socket::joined(&running, &audit).await;
    let request = client.command("/device/request-unique-identifier", &[("deviceName", "phone-a")]).await;
    socket.success(&request).await;
    let path = format!("/device/retrieve-device-id/{request}");
    let device = text(&client.json(&path).await, "/deviceId");
    assert_eq!(audit.get(&path).await.status(), StatusCode::NOT_FOUND, "another profile's device");
    let id = [("deviceId", device.as_str())];
    let configuration = "/device/download-device-configuration";
    assert_eq!(client.post(configuration, &id).await.status(), StatusCode::NOT_FOUND, "not approved yet");
    assert_eq!(audit.failed(&mut audits, "/device/approve-device", &id).await, "profile.not_an_owner");
    client.done(&mut socket, "/device/approve-device", &id).await;
    assert_eq!(client.failed(&mut socket, "/device/approve-device", &id).await, "device.already_approved");
    assert_eq!(client.failed(&mut socket, "/device/reject-device", &id).await, "device.already_approved");
    let issued = body(client.post(configuration, &id).await, StatusCode::OK).await;
    assert_eq!((&issued["deviceId"], &issued["vhost"]), (&json!(device), &json!("/")));
    assert!(issued["username"].is_string() && issued["password"].is_string() && issued["routingKey"].is_string());
    assert_eq!(audit.post(configuration, &id).await.status(), StatusCode::NOT_FOUND);
    let meta = [id[0], ("displayName", "phone-b"), ("tags", "field, spare")];
    client.done(&mut socket, "/device/configure-meta", &meta).await;
    let list = client.json("/device/retrieve-profile-devices").await;
    assert_eq!((&list[0]["deviceName"], &list[0]["status"]), (&json!("phone-b"), &json!("approved")));
    assert_eq!((&list[0]["tags"], &list[0]["roles"]), (&json!(["field", "spare"]), &json!([])));
    assert_eq!(audit.json("/device/retrieve-profile-devices").await, json!([]));
    client.done(&mut socket, "/device/remove", &id).await;
    assert_eq!(client.json("/device/retrieve-profile-devices").await, json!([]));
    assert_eq!(client.failed(&mut socket, "/device/remove", &id).await, "device.not_found");
}

#[tokio::test]
async fn a_rejected_device_gets_neither_a_role_nor_a_configuration() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let request = client.command("/device/request-unique-identifier", &[("deviceName", "phone-a")]).await;
    socket.success(&request).await;
    let device = text(&client.json(&format!("/device/retrieve-device-id/{request}")).await, "/deviceId");
    let id = [("deviceId", device.as_str())];
    for role in ["/storage/register", "/verified-authenticator/register"] {
        assert_eq!(client.failed(&mut socket, role, &id).await, "device.not_approved", "{role}");
    }
    client.done(&mut socket, "/device/reject-device", &id).await;
    assert_eq!(client.failed(&mut socket, "/device/approve-device", &id).await, "device.already_rejected");
    for role in ["/storage/register", "/verified-authenticator/register"] {
        assert_eq!(client.failed(&mut socket, role, &id).await, "device.not_approved", "{role}");
    }
    let configuration = client.post("/device/download-device-configuration", &id).await;
    assert_eq!(configuration.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_storage_device_holds_what_is_stored_after_it_and_the_rest_once_synchronised() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let store = || running.control().store_data(DEMO_USERNAME, b"bytes".to_vec(), "a.txt", "c").expect("stored");
    let listed = async || client.json("/storage/list-storage-devices").await;
    assert_eq!(listed().await, json!([]));
    store();
    let device = client.approved_device(&mut socket, "vault-1").await;
    let id = [("deviceId", device.as_str())];
    client.done(&mut socket, "/storage/register", &id).await;
    assert_eq!(client.failed(&mut socket, "/storage/register", &id).await, "storage.already_registered");
    let second = store();
    let list = listed().await;
    let [storage] = &list.as_array().expect("a list")[..] else { panic!("{list}") };
    assert_eq!((&storage["deviceId"], &storage["deviceName"]), (&json!(device), &json!("vault-1")));
    assert_eq!((&storage["status"], &storage["synchronisedAt"]), (&json!("active"), &Value::Null));
    assert_eq!((&storage["storedTokens"], &storage["totalTokens"]), (&json!(1), &json!(2)));

    // By the vendor's name for the field, too.
    client.done(&mut socket, "/storage/sync-device", &[("deviceIdentifier", &device)]).await;
    client.done(&mut socket, "/storage/sync-device", &id).await;
    let list = listed().await;
    assert_eq!((&list[0]["storedTokens"], &list[0]["totalTokens"]), (&json!(2), &json!(2)));
    text(&list, "/0/synchronisedAt").parse::<jiff::Timestamp>().expect("RFC 3339");
    client.done(&mut socket, "/data-token/delete-data", &[("token", second.as_str())]).await;
    assert_eq!(listed().await[0]["storedTokens"], 1, "a deletion is propagated");

    client.done(&mut socket, "/storage/remove", &id).await;
    assert_eq!(listed().await, json!([]));
    assert_eq!(client.failed(&mut socket, "/storage/remove", &id).await, "storage.not_found");
    assert_eq!(client.failed(&mut socket, "/storage/sync-device", &id).await, "storage.not_found");
}

#[tokio::test]
async fn a_removed_device_loses_its_roles() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let device = client.authenticator(&mut socket, "both").await;
    let id = [("deviceId", device.as_str())];
    let again = client.failed(&mut socket, "/verified-authenticator/register", &id).await;
    assert_eq!(again, "verified_authenticator.already_registered");
    client.done(&mut socket, "/storage/register", &id).await;
    let devices = client.json("/device/retrieve-profile-devices").await;
    assert_eq!(devices[0]["roles"], json!(["storage", "authenticator"]));
    client.done(&mut socket, "/device/remove", &id).await;
    assert_eq!(client.json("/storage/list-storage-devices").await, json!([]));
    let fields =
        [("name", "n"), ("strategy", "unanimous"), ("timeLimit", "60"), ("deviceIdentifiers", device.as_str())];
    let reason = client.failed(&mut socket, "/verified-authenticator/voting-configuration/register", &fields).await;
    assert_eq!(reason, "verified_authenticator.not_found");
}

#[tokio::test]
async fn a_device_takes_no_role_and_gives_none_up_for_another_profile() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let audit = Client::signed_in(&running, AUDIT_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let mut audits = Socket::joined(&running, &audit).await;
    let device = client.approved_device(&mut socket, "vault-1").await;
    let id = [("deviceId", device.as_str())];
    client.done(&mut socket, "/storage/register", &id).await;
    for path in ["/storage/register", "/verified-authenticator/register", "/storage/remove", "/storage/sync-device"] {
        assert_eq!(audit.failed(&mut audits, path, &id).await, "profile.not_an_owner", "{path}");
    }
    assert_eq!(audit.json("/storage/list-storage-devices").await, json!([]));
}
