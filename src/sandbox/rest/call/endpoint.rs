//! The description of an endpoint, from which the router, the authorisation and the documentation are made.

use std::sync::Arc;

use axum::routing::{MethodFilter, MethodRouter};
use axum::{Extension, Router};

use crate::sandbox::backend::Backend;
use crate::sandbox::state::scopes::Scopes;

/// When an endpoint's outcome is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// With the response.
    Sync,
    /// The response is 202 with a command id; the outcome follows on the socket.
    AsyncCommand,
    /// The response is 202 with a command id and a request id; the data follows on the socket, and then the outcome.
    AsyncRequest,
}

impl Phase {
    /// The name that the vendor's documentation uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::AsyncCommand => "async-command",
            Self::AsyncRequest => "async-request",
        }
    }
}

/// Who may call an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everyone.
    Public,
    /// An OAuth application, by its client id and secret.
    Application,
    /// Every valid token.
    Token,
    /// A token from a sign-in; none of an OAuth application.
    Owner,
    /// A token from a sign-in, or one of an OAuth application with this scope.
    Scope(&'static str),
}

impl Access {
    /// Whether a token of an OAuth application with these scopes is enough.
    pub(crate) fn permits(self, scopes: &Scopes) -> bool {
        match self {
            Self::Token => true,
            Self::Scope(scope) => scopes.contains(scope),
            Self::Public | Self::Application | Self::Owner => false,
        }
    }
}

/// Makes the route of an endpoint.
type Handler = fn(MethodFilter) -> MethodRouter<Arc<Backend>>;

/// An endpoint of the REST API.
pub struct Endpoint {
    /// Its name in the vendor's documentation, or a name of its own.
    pub id: &'static str,
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Its path, with parameters in braces.
    pub path: &'static str,
    /// When its outcome is known.
    pub phase: Phase,
    /// Who may call it.
    pub access: Access,
    /// Whether the vendor documents it. The sandbox has a few endpoints of its own.
    pub is_documented: bool,
    filter: MethodFilter,
    handler: Handler,
}

impl Endpoint {
    /// An endpoint that is called with `GET` and answers at once.
    pub(crate) const fn get(id: &'static str, path: &'static str, access: Access, handler: Handler) -> Self {
        let (method, filter) = ("GET", MethodFilter::GET);
        Self { id, method, path, phase: Phase::Sync, access, is_documented: true, filter, handler }
    }

    /// An endpoint that is called with `POST`.
    pub(crate) const fn post(
        id: &'static str,
        path: &'static str,
        phase: Phase,
        access: Access,
        handler: Handler,
    ) -> Self {
        let (method, filter) = ("POST", MethodFilter::POST);
        Self { id, method, path, phase, access, is_documented: true, filter, handler }
    }

    /// Marks an endpoint that the vendor's documentation does not list.
    pub(crate) const fn of_the_sandbox(self) -> Self {
        Self { is_documented: false, ..self }
    }

    /// Adds the endpoint to a router.
    pub(crate) fn add_to(&self, router: Router<Arc<Backend>>) -> Router<Arc<Backend>> {
        router.route(self.path, (self.handler)(self.filter).layer(Extension(self.access)))
    }
}
