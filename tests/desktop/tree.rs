//! The accessibility tree as a screen reader sees it: over AT-SPI, by role and name.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use atspi::connection::set_session_accessibility;
use atspi::proxy::accessible::AccessibleProxy;
use atspi::proxy::bus::BusProxy;
use atspi::proxy::proxy_ext::ProxyExt as _;
use atspi::zbus::proxy::CacheProperties;
use atspi::zbus::{Connection, block_on};
use atspi::{AccessibilityConnection, ObjectRefOwned, Role, State, StateSet};

use crate::failure::{Failure, Outcome};
use crate::wait::until;

/// Deeper than any tree that is searched; it stops the search of a tree with a loop.
const DEPTH: usize = 40;

/// The accessibility bus of this desktop.
pub(crate) struct Desktop {
    bus: AccessibilityConnection,
}

impl Desktop {
    /// Connects to the accessibility bus.
    ///
    /// # Errors
    ///
    /// Fails outside a desktop session.
    pub(crate) fn join() -> Outcome<Self> {
        block_on(async {
            set_session_accessibility(true).await?;
            Ok(Self { bus: AccessibilityConnection::new().await? })
        })
    }

    /// A program by its own name. Waits for it.
    ///
    /// # Errors
    ///
    /// The names of the running programs, if it does not appear.
    pub(crate) fn application(&self, name: &str) -> Outcome<Node> {
        until(&format!("the program `{name}`"), || Ok(self.applications()?.into_iter().find(|node| node.name == name)))
            .map_err(|failure| failure.with(&self.dump()))
    }

    /// Every program that offers a tree.
    pub(crate) fn applications(&self) -> Outcome<Vec<Node>> {
        block_on(async {
            let root = self.bus.root_accessible_on_registry().await?;
            let mut found = Vec::new();
            for child in root.get_children().await? {
                // A program may exit during the query.
                if let Ok(node) = Node::read(self.bus.connection(), child).await {
                    found.push(node);
                }
            }
            Ok(found)
        })
    }

    /// The trees of all programs, for a failure message.
    fn dump(&self) -> String {
        let applications = self.applications().unwrap_or_default();
        applications.iter().map(Node::dump).collect()
    }
}

/// The address of this desktop's accessibility bus.
///
/// # Errors
///
/// Fails outside a desktop session.
pub(crate) fn address() -> Outcome<String> {
    block_on(async { Ok(BusProxy::new(&Connection::session().await?).await?.get_address().await?) })
}

/// An element of a tree, with the properties that were read.
#[derive(Clone)]
pub(crate) struct Node {
    bus: Connection,
    at: ObjectRefOwned,
    /// Its role.
    pub(crate) role: Role,
    /// Its accessible name.
    pub(crate) name: String,
    /// Its states.
    pub(crate) states: StateSet,
}

impl Node {
    async fn read(bus: &Connection, at: ObjectRefOwned) -> Outcome<Self> {
        let proxy = proxy(bus, &at).await?;
        let (role, name, states) = (proxy.get_role().await?, proxy.name().await?, proxy.get_state().await?);
        Ok(Self { bus: bus.clone(), at, role, name, states })
    }

    async fn children(&self) -> Outcome<Vec<Self>> {
        let mut found = Vec::new();
        for child in proxy(&self.bus, &self.at).await?.get_children().await? {
            // A redrawn element may disappear before it has been read.
            if let Ok(node) = Self::read(&self.bus, child).await {
                found.push(node);
            }
        }
        Ok(found)
    }

    /// Calls `visit` with this element and everything below it, in reading order and with the depth, until `visit` stops
    /// the walk.
    fn walk(&self, mut visit: impl FnMut(usize, Self) -> ControlFlow<()>) {
        block_on(async {
            let mut open = vec![(0, self.clone())];
            while let Some((depth, node)) = open.pop() {
                // An element that has disappeared has no children.
                let children = if depth < DEPTH { node.children().await.unwrap_or_default() } else { Vec::new() };
                open.extend(children.into_iter().rev().map(|child| (depth + 1, child)));
                if visit(depth, node).is_break() {
                    return;
                }
            }
        });
    }

    /// The first matching element from this one down, if there is one now.
    pub(crate) fn now(&self, fits: impl Fn(&Self) -> bool) -> Option<Self> {
        let mut found = None;
        self.walk(|_, node| {
            if !fits(&node) {
                return ControlFlow::Continue(());
            }
            found = Some(node);
            ControlFlow::Break(())
        });
        found
    }

    /// Every matching element from this one down.
    pub(crate) fn all_now(&self, fits: impl Fn(&Self) -> bool) -> Vec<Self> {
        let mut found = Vec::new();
        self.walk(|_, node| {
            found.extend(Some(node).filter(&fits));
            ControlFlow::Continue(())
        });
        found
    }

    /// The first matching element from this one down. Waits for it.
    ///
    /// # Errors
    ///
    /// The whole tree, if the element does not appear.
    pub(crate) fn find_where(&self, what: &str, fits: impl Fn(&Self) -> bool) -> Outcome<Self> {
        until(what, || Ok(self.now(&fits))).map_err(|failure| failure.with(&self.dump()))
    }

    /// The element of this role and name. Waits for it.
    ///
    /// # Errors
    ///
    /// The whole tree, if the element does not appear.
    pub(crate) fn find(&self, role: Role, name: &str) -> Outcome<Self> {
        self.find_where(&format!("the {} `{name}`", role.name()), |node| node.role == role && node.name == name)
    }

    /// Waits until the element of this role and name has disappeared.
    ///
    /// # Errors
    ///
    /// The whole tree, if the element stays.
    pub(crate) fn wait_gone(&self, role: Role, name: &str) -> Outcome<()> {
        until(&format!("the {} `{name}` to go", role.name()), || {
            Ok(self.now(|node| node.role == role && node.name == name).is_none().then_some(()))
        })
        .map_err(|failure| failure.with(&self.dump()))
    }

    /// Whether it has this state now.
    pub(crate) fn has(&self, state: State) -> Outcome<bool> {
        block_on(async { Ok(proxy(&self.bus, &self.at).await?.get_state().await?.contains(state)) })
    }

    /// Performs the element's own click action.
    ///
    /// # Errors
    ///
    /// Fails if it has none, or refuses.
    pub(crate) fn click(&self) -> Outcome<()> {
        block_on(async {
            let action = proxy(&self.bus, &self.at).await?.proxies().await?.action().await?;
            if action.do_action(0).await? {
                Ok(())
            } else {
                Err(Failure::new(format!("`{}` could not be clicked", self.name)))
            }
        })
    }

    /// Gives it the keyboard focus, and waits until it has it.
    ///
    /// # Errors
    ///
    /// Fails if it does not take the focus.
    pub(crate) fn focus(&self) -> Outcome<()> {
        block_on(async {
            proxy(&self.bus, &self.at).await?.proxies().await?.component().await?.grab_focus().await?;
            Ok::<_, Failure>(())
        })?;
        until(&format!("`{}` to have the keyboard", self.name), || Ok(self.has(State::Focused)?.then_some(())))
    }

    /// Replaces its text through the element's own interface.
    ///
    /// # Errors
    ///
    /// Fails if it accepts no text.
    pub(crate) fn set_text(&self, text: &str) -> Outcome<()> {
        block_on(async {
            let field = proxy(&self.bus, &self.at).await?.proxies().await?.editable_text().await?;
            if field.set_text_contents(text).await? {
                Ok(())
            } else {
                Err(Failure::new(format!("`{}` takes no text", self.name)))
            }
        })
    }

    /// Its text.
    pub(crate) fn text(&self) -> Outcome<String> {
        block_on(async {
            let text = proxy(&self.bus, &self.at).await?.proxies().await?.text().await?;
            Ok(text.get_text(0, text.character_count().await?).await?)
        })
    }

    /// Waits until it has exactly this text.
    pub(crate) fn wait_text(&self, text: &str) -> Outcome<()> {
        until(&format!("`{text}` to stand in `{}`", self.name), || {
            let found = self.text()?;
            if found == text { Ok(Some(())) } else { Err(Failure::new(format!("it holds `{found}`"))) }
        })
    }

    /// The tree from here, one element per line, for a failure message.
    pub(crate) fn dump(&self) -> String {
        let mut lines = String::new();
        self.walk(|depth, node| {
            let states: Vec<String> = node.states.iter().map(|state| format!("{state:?}")).collect();
            let indent = depth * 2;
            // Writing to a string cannot fail.
            _ = writeln!(lines, "{:indent$}{} `{}` {}", "", node.role.name(), node.name, states.join(" "));
            ControlFlow::Continue(())
        });
        lines
    }
}

/// The object behind a reference. Nothing is cached, because every property may change.
async fn proxy<'a>(bus: &Connection, at: &'a ObjectRefOwned) -> Outcome<AccessibleProxy<'a>> {
    let (Some(name), path) = (at.name(), at.path()) else {
        return Err(Failure::new("the element is gone"));
    };
    Ok(AccessibleProxy::builder(bus)
        .destination(name.clone())?
        .path(path.clone())?
        .cache_properties(CacheProperties::No)
        .build()
        .await?)
}
