//! Draws one frame: bars from the edges inwards, and the table in the remaining space.

use egui::{CentralPanel, Context, Frame, Panel, Rect, ScrollArea, Ui, UiBuilder, vec2};

use crate::protocol::sanitize;
use crate::settings::InsightLayout;
use crate::ui::bars::top_bar::{self, TopBar};
use crate::ui::bars::{banner, competing_consumer, downloads, export_bar, status_bar, status_filters, toolbar};
use crate::ui::dialogs::{self, Dialog, DialogContext};
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::input::keys;
use crate::ui::profile_tab::UnreadCounts;
use crate::ui::{details, insight, table, theme, widgets};

use super::shutdown_state::Shutdown;
use super::{ActiveTab, App};

/// How long a frame may search and sort; the next frame continues.
const SEARCH_TIME: std::time::Duration = std::time::Duration::from_millis(4);

impl App {
    /// Draws one frame into `ui`, and executes the requests made in it.
    pub fn show(&mut self, ui: &mut Ui) {
        let ctx = ui.ctx().clone();
        let mut frame = self.frame_context(&ctx);
        // The name a screen reader announces when the window gets the focus.
        ctx.accesskit_node_builder(egui::accesskit_root_id(), |window| window.set_label("Privicore Monitor"));
        self.press_keys(&ctx, &mut frame);
        self.dispatch_requests(&ctx, &mut frame);
        self.request_missing_entries();
        self.rebuild_all_tab(&mut frame);
        self.refresh(&mut frame);
        if std::mem::take(&mut self.focus_filter) {
            ctx.memory_mut(|memory| memory.request_focus(crate::ui::frame::filter_field::filter_id()));
        }
        self.announcer.show(ui, &mut frame);
        self.content(ui, &mut frame);
        self.refresh_data_dialogs(&ctx);
        let fresh = std::mem::take(&mut self.dialog_just_opened);
        if let Some(mut dialog) = self.dialog.take() {
            if let Dialog::Completeness { profile, report } = &mut dialog
                && let Some(profile_tab) =
                    self.profile_tabs.iter().find(|profile_tab| profile_tab.profile.id == *profile)
            {
                report.refresh(profile_tab);
            }
            let around = DialogContext {
                profile_tabs: &self.profile_tabs,
                active_tab: self.profile_tab(),
                version: self.dependencies.version,
            };
            dialogs::show(&ctx, &mut dialog, fresh, around, &mut frame);
            self.dialog = Some(dialog);
        }
        if let Some(dialog) = self.file_path.take() {
            self.file_path = dialog.show(&ctx, &*self.dependencies.dialogs);
        }
        self.dispatch_requests(&ctx, &mut frame);
        self.request_history();
        self.in_text = ctx.text_edit_focused();
        self.store_layout(&ctx);
        self.keep_focus(&ctx);
        if let Some(wake) = frame.wake() {
            ctx.request_repaint_after(wake);
        }
    }

    /// Draws everything but the dialogs. Content larger than the window can be scrolled.
    fn content(&mut self, ui: &mut Ui, frame: &mut FrameContext) {
        let window = ui.max_rect();
        let width = window.width().max(theme::MIN_WIDTH);
        let size = vec2(width, window.height().max(self.min_height(ui, width, frame)));
        let area = ScrollArea::both().id_salt("window").auto_shrink(false);
        area.show(ui, |ui| {
            let (_, rect) = ui.allocate_space(size);
            let mut content = ui.new_child(UiBuilder::new().max_rect(rect).id_salt("content"));
            let details = self.bars(&mut content, frame);
            let insight = self.middle(&mut content, frame);
            // Scroll to a panel that has just been opened.
            for (name, place) in [("details", details), ("insight", insight)] {
                let id = ui.unique_id().with(name);
                let was = ui.data_mut(|data| std::mem::replace(data.get_temp_mut_or_default(id), place.is_some()));
                if let Some(place) = place.filter(|_| !was) {
                    let sideways = ui.clip_rect().x_range();
                    ui.scroll_to_rect(Rect::from_x_y_ranges(sideways, place.y_range()), None);
                }
            }
            widgets::follow_focus(ui);
        });
    }

    /// The minimum height at which everything that is shown fits.
    fn min_height(&self, ui: &Ui, width: f32, frame: &FrameContext) -> f32 {
        let export = if self.export.is_some() { theme::BAR } else { 0.0 };
        let around = theme::BAR + theme::STATUS + export + self.notices.height(ui, width);
        let Some(profile_tab) = self.profile_tab().filter(|profile_tab| !profile_tab.shows_form()) else {
            return around + theme::MIN_TABLE;
        };
        let bars = [banner::is_due(profile_tab), profile_tab.completeness.competing().is_some(), true, true];
        let bars = bars.into_iter().filter(|is_there| *is_there).map(|_bar| theme::BAR).sum::<f32>();
        let drawer = if profile_tab.is_all() { 0.0 } else { downloads::height(profile_tab, frame.narrow) };
        let details = if profile_tab.details.is_some() { theme::DETAILS } else { 0.0 };
        let insight = match insight::InsightPosition::of(width, profile_tab, frame) {
            Some(insight::InsightPosition::Below(height)) => height,
            Some(insight::InsightPosition::Beside(_)) | None => 0.0,
        };
        around + bars + drawer + details + insight + theme::MIN_TABLE
    }

    fn press_keys(&mut self, ctx: &Context, frame: &mut FrameContext) {
        let focus = keys::Focus {
            in_text: self.in_text || ctx.text_edit_focused(),
            in_dialog: self.has_dialog() || self.closing != Shutdown::Open,
        };
        let active_tab = self.active_tab;
        let profile_tab = self.profile_tab_mut().filter(|profile_tab| !profile_tab.shows_form());
        let asked = keys::read(ctx, profile_tab, focus);
        for command in asked.commands {
            frame.request(UiRequest::Run(command));
        }
        if asked.escape {
            self.on_escape(ctx, focus.in_text, active_tab);
        }
    }

    /// Handles Escape: closes or resets one thing.
    fn on_escape(&mut self, ctx: &Context, in_text: bool, active_tab: ActiveTab) {
        if in_text {
            // egui moves the focus away from the field; the typed text stays.
            ctx.memory_mut(|memory| match self.profile_tab().filter(|profile_tab| !profile_tab.shows_form()) {
                Some(profile_tab) => memory.request_focus(crate::ui::profile_tab::rows::table_id(profile_tab)),
                None => {
                    if let Some(focused) = memory.focused() {
                        memory.surrender_focus(focused);
                    }
                }
            });
            return;
        }
        if active_tab == ActiveTab::NewProfile {
            self.close_form();
            return;
        }
        if self.cancel_search() {
            return;
        }
        let open = self.insight().open;
        let Some(profile_tab) = self.profile_tab_mut() else { return };
        if profile_tab.form_open {
            profile_tab.form_open = false;
        } else if profile_tab.details.is_some() {
            profile_tab.details = None;
        } else if !profile_tab.filter.is_empty() {
            profile_tab.set_filter("");
        } else if profile_tab.view.status_filter() != crate::activity::StatusFilter::All {
            profile_tab.view.set_status_filter(crate::activity::StatusFilter::All);
        } else if open {
            self.set_insight(InsightLayout { open: false, ..self.insight() });
        } else if !profile_tab.table.deselect()
            && let Some(newest) = self.notices.newest()
        {
            self.dismiss(newest);
        }
    }

    /// Keeps the keyboard focus from getting lost: when a dialog closes, the focus returns to where it was; when the focused
    /// widget is gone, it moves to the table. A click into empty space removes the focus on purpose.
    fn keep_focus(&mut self, ctx: &Context) {
        let (focused, pressed) = (ctx.memory(egui::Memory::focused), ctx.input(|input| input.pointer.any_down()));
        let had = std::mem::replace(&mut self.focus.last, focused);
        if self.has_dialog() {
            if !self.focus.in_dialog {
                self.focus.before_dialog = had;
            }
            self.focus.in_dialog = true;
            return;
        }
        let table = self
            .profile_tab()
            .filter(|profile_tab| !profile_tab.shows_form())
            .map(crate::ui::profile_tab::rows::table_id);
        if std::mem::take(&mut self.focus.in_dialog) {
            // In the frame in which the dialog was still drawn, nothing below it can take the focus; it can in the next frame.
            self.focus.restore = self.focus.before_dialog.take().or(table);
            ctx.request_repaint_after(std::time::Duration::from_millis(1));
            return;
        }
        let there = |id| ctx.viewport(|viewport| viewport.this_pass.used_ids.contains_key(&id));
        let back = self.focus.restore.take().filter(|id| there(*id)).or_else(|| {
            let lost = match (had, focused) {
                (Some(_), None) => !pressed,
                (Some(had), Some(focused)) => had == focused && !there(focused),
                (None, _) => false,
            };
            table.filter(|_| lost)
        });
        if let Some(id) = back {
            ctx.memory_mut(|memory| memory.request_focus(id));
            self.focus.last = Some(id);
            ctx.request_repaint_after(std::time::Duration::from_millis(1));
        }
    }

    /// Updates the active tab before it is drawn.
    fn refresh(&mut self, frame: &mut FrameContext) {
        let (now, active_tab, clock) = (frame.now, self.active_tab, &self.dependencies.clock);
        let began = clock.instant();
        for profile_tab in &mut self.profile_tabs {
            let is_active = active_tab == ActiveTab::Profile(profile_tab.profile.id);
            profile_tab.set_zone(&frame.zone.zone);
            if !is_active && let Some(details) = &mut profile_tab.details {
                details.hide_secrets();
            }
            let time = || is_active && clock.instant().saturating_duration_since(began) < SEARCH_TIME;
            if profile_tab.refresh(now, frame.reference, time) {
                frame.redraw_in(std::time::Duration::ZERO);
            }
            if let Some(end) = profile_tab.next_expiry() {
                frame.redraw_in(end.since(now).max(std::time::Duration::from_millis(1)));
            }
            if let Some(turn) = profile_tab.completeness.next_change(now) {
                frame.redraw_in(turn.since(now).max(std::time::Duration::from_millis(1)));
            }
            if let Some(turn) = profile_tab.next_change().filter(|_| is_active) {
                // Many rows may change within a second; they are drawn together.
                frame.redraw_in(turn.since(now).max(std::time::Duration::from_secs(1)));
            }
        }
        if let Some((all, parts)) = self.profile_tabs.split_last_mut()
            && let Some(owners) = &mut all.owners
        {
            let suspected = parts.iter().filter(|part| part.completeness.competing().is_some());
            owners.set_suspected(suspected.map(|part| part.profile.id));
        }
        if let Some(profile_tab) = self.profile_tab_mut() {
            profile_tab.unread = UnreadCounts::default();
            profile_tab.activities.mark_read();
        }
        let several = self.profiles() > 1;
        for profile_tab in &mut self.profile_tabs {
            if let Some((count, last)) = profile_tab.take_failures() {
                // With several profiles, the announcement names the profile.
                let profile_name =
                    if several { format!("{}: {last}", sanitize(&profile_tab.profile.name)) } else { last };
                self.announcer.add_failures(count, profile_name);
            }
        }
        self.notices.expire(frame);
    }

    /// Draws the bars. Returns the area of the details if they are open.
    fn bars(&mut self, ui: &mut Ui, frame: &mut FrameContext) -> Option<Rect> {
        let theme = self.preferences().theme;
        let active_index = match self.active_tab {
            ActiveTab::Profile(id) => self.profile_tabs.iter().position(|profile_tab| profile_tab.profile.id == id),
            ActiveTab::NewProfile => None,
        };
        bar(Panel::top("top bar"), theme::BAR, ui, |ui| {
            let bar = TopBar { profile_tabs: &self.profile_tabs, active_index, adding: self.form.is_some(), theme };
            top_bar::show(ui, &bar, frame);
        });
        let journal = self.status.journal_size;
        bar(Panel::bottom("status bar"), theme::STATUS, ui, |ui| {
            status_bar::show(ui, active_index.and_then(|index| self.profile_tabs.get(index)), journal, frame);
        });
        if let Some(export) = &self.export {
            bar(Panel::bottom("export"), theme::BAR, ui, |ui| export_bar::show(ui, export, frame));
        }
        let height = self.notices.height(ui, ui.available_width());
        let Some(profile_tab) = active_index
            .and_then(|index| self.profile_tabs.get_mut(index))
            .filter(|profile_tab| !profile_tab.shows_form())
        else {
            if height > 0.0 {
                bar(Panel::bottom("notices"), height, ui, |ui| self.notices.show(ui, frame));
            }
            return None;
        };
        if banner::is_due(profile_tab) {
            bar(Panel::top("banner"), theme::BAR, ui, |ui| banner::show(ui, profile_tab, frame));
        }
        if let Some(competing_consumer) = profile_tab.completeness.competing() {
            bar(Panel::top("competing consumer"), theme::BAR, ui, |ui| {
                competing_consumer::bar(ui, competing_consumer, frame);
            });
        }
        // The tab `All profiles` has no download lines: its rows show the progress, each profile's own tab has the lines.
        let drawer = if profile_tab.is_all() { 0.0 } else { downloads::height(profile_tab, frame.narrow) };
        if drawer > 0.0 {
            bar(Panel::bottom("downloads"), drawer, ui, |ui| downloads::show(ui, profile_tab, frame));
        }
        let is_open = profile_tab.details.is_some();
        let details = is_open.then(|| {
            bar(Panel::bottom("details"), theme::DETAILS, ui, |ui| details::show::show(ui, profile_tab, frame))
        });
        if height > 0.0 {
            bar(Panel::bottom("notices"), height, ui, |ui| self.notices.show(ui, frame));
        }
        details
    }

    /// Draws the table with Insight, or the form. Returns the area of Insight if it is open.
    fn middle(&mut self, ui: &mut Ui, frame: &mut FrameContext) -> Option<Rect> {
        let taken = self.other_profile_names();
        let form = &mut self.form;
        let saved =
            self.settings.as_ref().map(|settings| settings.preferences.saved_filters.as_slice()).unwrap_or_default();
        let profile_tab = match self.active_tab {
            ActiveTab::Profile(id) => self.profile_tabs.iter_mut().find(|profile_tab| profile_tab.profile.id == id),
            ActiveTab::NewProfile => None,
        };
        match profile_tab {
            Some(profile_tab) if profile_tab.shows_form() => {
                CentralPanel::no_frame()
                    .show(ui, |ui| crate::ui::sign_in::show(ui, &mut profile_tab.form, &taken, frame));
                None
            }
            Some(profile_tab) => {
                bar(Panel::top("status filters"), theme::BAR, ui, |ui| status_filters::show(ui, profile_tab, frame));
                bar(Panel::top("tools"), theme::BAR, ui, |ui| toolbar::show(ui, profile_tab, saved, frame));
                let insight = insight::InsightPosition::of(ui.available_width(), profile_tab, frame).map(|place| {
                    let (panel, size) = match place {
                        insight::InsightPosition::Beside(width) => (Panel::right("insight"), width),
                        insight::InsightPosition::Below(height) => (Panel::bottom("insight"), height),
                    };
                    bar(panel, size, ui, |ui| insight::show(ui, profile_tab, frame))
                });
                CentralPanel::no_frame().show(ui, |ui| table::show::show(ui, profile_tab, frame));
                insight
            }
            None => {
                CentralPanel::no_frame().show(ui, |ui| {
                    // Without a form the state is unknown yet: the window stays empty, so that no form flashes up.
                    if let Some(form) = form {
                        crate::ui::sign_in::show(ui, form, &taken, frame);
                    }
                });
                None
            }
        }
    }

    /// Names of the other profiles, which the open form must not use.
    pub(crate) fn other_profile_names(&self) -> Vec<String> {
        self.profile_tabs
            .iter()
            .filter(|profile_tab| {
                self.active_tab != ActiveTab::Profile(profile_tab.profile.id) && !profile_tab.is_all()
            })
            .map(|profile_tab| profile_tab.profile.name.clone())
            .collect()
    }

    /// Requests the entries of the open details from the journal.
    fn request_history(&mut self) {
        let now = self.dependencies.clock.instant();
        let ActiveTab::Profile(id) = self.active_tab else { return };
        let Some(profile_tab) = self.profile_tabs.iter_mut().find(|profile_tab| profile_tab.profile.id == id) else {
            return;
        };
        let owner = profile_tab.details.as_ref().map(|details| profile_tab.owner(details.row()));
        let Some(details) = &mut profile_tab.details else { return };
        let id = owner.unwrap_or(id);
        if let Some(action) = details.next_request(id, &profile_tab.activities, now)
            && !self.dependencies.backend.send(action)
        {
            details.retry_later();
        }
    }
}

/// Draws a bar of exactly this height, without egui's margins and lines. Returns its area.
fn bar(panel: Panel, height: f32, ui: &mut Ui, content: impl FnOnce(&mut Ui)) -> Rect {
    let panel = panel.exact_size(height).frame(Frame::NONE).resizable(false).show_separator_line(false);
    panel.show(ui, content).response.rect
}
