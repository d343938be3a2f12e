//! The two file stores. Their links are single-use and valid for ten minutes. Whoever holds a link may use it, so no token
//! is required.
//!
//! A refused link gets a status that says why: used, or to data that was deleted, 410; expired 403; unknown, or not ready yet, 404.
//! Servers differ in this.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::StreamExt as _;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::json;
use tempfile::TempPath;
use tokio::io::AsyncWriteExt as _;
use uuid::Uuid;

use crate::sandbox::faults::downloads::DownloadFault;
use crate::sandbox::state::links::Refused;

use super::backend::Backend;
use super::payload::{Content, Payload};

/// The largest upload: 1 GiB.
const LARGEST_UPLOAD: u64 = 1 << 30;

/// The query of a link. A secret, so it does not implement `Debug`.
#[derive(Deserialize)]
struct Auth {
    #[serde(default)]
    auth: String,
}

/// The store that payloads are downloaded from.
pub(crate) fn downstream(backend: Arc<Backend>) -> Router {
    // A HEAD would use up the link without a download, so it is refused, and the link stays valid.
    let head = async || (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, HeaderValue::from_static("GET"))]);
    Router::new().route("/", get(download).head(head)).with_state(backend)
}

/// The store that large payloads are uploaded to.
pub(crate) fn upstream(backend: Arc<Backend>) -> Router {
    Router::new().route("/", post(upload)).with_state(backend)
}

async fn download(State(backend): State<Arc<Backend>>, Query(Auth { auth }): Query<Auth>) -> Response {
    let late = backend.latency();
    if !late.is_zero() {
        tokio::time::sleep(late).await;
    }
    let fault = backend.faults.download_fault(backend.clock.now());
    if let Some(refusal) = fault.and_then(DownloadFault::refusal) {
        return refusal;
    }
    let taken = backend.state().links.take_download(&auth, backend.clock.now());
    let Payload { content, file_name } = match taken {
        Ok(payload) => payload,
        Err(refused) => return refuse(refused),
    };
    let again = || {
        let payload = Payload { content: content.clone(), file_name: file_name.clone() };
        format!("/?auth={}", backend.grant_download(payload))
    };
    if let Some(diversion) = fault.and_then(|fault| fault.diversion(again)) {
        return diversion;
    }
    let body = match content.body(backend.tasks.stopped()).await {
        Ok(body) => body,
        Err(error) => {
            tracing::error!(%error, "a stored payload can't be read");
            return (StatusCode::INTERNAL_SERVER_ERROR, "The payload can't be read.").into_response();
        }
    };
    let body = match fault {
        Some(fault) => fault.body(body, content.len()).await,
        None => body,
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(content.len()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(disposition) = file_name.and_then(|name| HeaderValue::from_str(&disposition(&name)).ok()) {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
    if let Some(fault) = fault {
        fault.adjust(&mut response, content.len());
    }
    response
}

/// `Content-Disposition` as in RFC 6266: a plain name for old clients, and the exact one.
fn disposition(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ' { c } else { '_' })
        .collect();
    if plain == name {
        format!("attachment; filename=\"{plain}\"")
    } else {
        format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(name, NON_ALPHANUMERIC))
    }
}

async fn upload(State(backend): State<Arc<Backend>>, Query(Auth { auth }): Query<Auth>, body: Body) -> Response {
    let reservation = match backend.state().links.take_upload(&auth, backend.clock.now()) {
        Ok(reservation) => reservation,
        Err(refused) => return refuse(refused),
    };
    let content = match receive(&backend, body).await {
        Ok(content) => content,
        Err(Broken::TooLarge) => return (StatusCode::PAYLOAD_TOO_LARGE, "An upload may have 1 GiB.").into_response(),
        Err(Broken::Body) => return (StatusCode::BAD_REQUEST, "The upload broke off.").into_response(),
        Err(Broken::Disk(error)) => {
            tracing::error!(%error, "an upload can't be kept");
            return (StatusCode::INSUFFICIENT_STORAGE, "The upload can't be kept.").into_response();
        }
    };
    let size = content.len();
    match backend.state().data.fill(None, &reservation, content, backend.clock.now()) {
        Ok(()) => Json(json!({"status": "stored", "size": size})).into_response(),
        Err(reason) => (StatusCode::CONFLICT, Json(json!({"error": "Conflict", "message": reason}))).into_response(),
    }
}

/// Why an upload failed.
enum Broken {
    TooLarge,
    Body,
    Disk(std::io::Error),
}

/// Writes an upload to a file in the sandbox's folder, which no other user can enter.
async fn receive(backend: &Backend, body: Body) -> Result<Content, Broken> {
    let path = backend.folder.path().join(Uuid::new_v4().simple().to_string());
    let mut file = tokio::fs::File::options().write(true).create_new(true).open(&path).await.map_err(Broken::Disk)?;
    // From here on the file is deleted together with the content, however this ends.
    let path = TempPath::try_from_path(path).map_err(Broken::Disk)?;
    let mut len = 0_u64;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_cut| Broken::Body)?;
        len = len.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        if len > LARGEST_UPLOAD {
            return Err(Broken::TooLarge);
        }
        file.write_all(&chunk).await.map_err(Broken::Disk)?;
    }
    file.flush().await.map_err(Broken::Disk)?;
    Ok(Content::Filed { path: Arc::new(path), len })
}

fn refuse(refused: Refused) -> Response {
    match refused {
        Refused::Unknown => (StatusCode::NOT_FOUND, "There is no such link, or it is not ready yet.").into_response(),
        Refused::Used => (StatusCode::GONE, "The link has been used, or its data was deleted.").into_response(),
        Refused::Expired => (StatusCode::FORBIDDEN, "The link has expired.").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_beyond_ascii_is_given_in_both_forms() {
        assert_eq!(disposition("a b.txt"), "attachment; filename=\"a b.txt\"");
        assert_eq!(
            disposition("Über\".txt"),
            "attachment; filename=\"_ber_.txt\"; filename*=UTF-8''%C3%9Cber%22%2Etxt"
        );
    }
}
