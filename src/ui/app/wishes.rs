//! Does what the operator wished in a frame.

use egui::Context;

use crate::activity::{ActivityKey, Chip, RowId};
use crate::engine::{Action, Severity};
use crate::settings::Theme;
use crate::ui::app::{App, Front};
use crate::ui::commands::Command;
use crate::ui::completeness::Report;
use crate::ui::data_settings::DataSettings;
use crate::ui::desk::Desk;
use crate::ui::dialogs::Dialog;
use crate::ui::request_data::RequestData;
use crate::ui::saving::FolderFor;
use crate::ui::scene::{Scene, Wish};
use crate::ui::sign_in::Form;
use crate::ui::table::label_of;
use crate::ui::text::{cell_time, full_time, visible};
use crate::ui::track::Track;

/// The most rows that are copied at once.
const MOST_COPIED: usize = 10_000;

impl App {
    pub(super) fn do_wishes(&mut self, ctx: &Context, scene: &mut Scene) {
        for wish in std::mem::take(&mut scene.wishes) {
            self.do_wish(ctx, scene, wish);
        }
    }

    fn do_wish(&mut self, ctx: &Context, scene: &mut Scene, wish: Wish) {
        match wish {
            Wish::Send(action) => {
                self.send(action);
            }
            Wish::Run(command) => self.run(ctx, scene, command),
            Wish::Save { row, inline } => self.ask_where(row, inline),
            Wish::RequestData { profile, data, folder } => self.request_data(profile, data, folder),
            Wish::AskFolder(what) => self.ask_folder(what),
            Wish::MoveDownload { profile, request, file } => self.ask_where_else(profile, request, file),
            Wish::RequestAgain { profile, request } => self.request_again(profile, request),
            Wish::Check(row) => self.check(row),
            Wish::Show(profile) => self.front = Front::Desk(profile),
            Wish::AddProfile => self.add_profile(),
            Wish::CloseForm => self.close_form(),
            Wish::SignIn => self.sign_in(),
            Wish::SignInAgain(profile) => {
                if let Some(desk) = self.desk_of(profile) {
                    desk.form = Form::of(&desk.profile);
                    desk.form_open = true;
                }
            }
            Wish::Reveal(row) => {
                if let Some(desk) = self.desk_mut() {
                    desk.reveal(row);
                }
            }
            Wish::Open(dialog) => self.open(dialog),
            Wish::CloseDialog => self.dialog = None,
            Wish::SetColumns(profile, columns) => self.set_columns(profile, columns),
            Wish::SetTimes(times) => self.set_times(times),
            Wish::ShowSaved(index) => self.show_saved(index),
            Wish::SaveFilter(name) => self.save_filter(name),
            Wish::ForgetSaved(index) => self.forget_saved(index),
            Wish::Dismiss(number) => self.dismiss(number),
            Wish::Leave => {
                self.dialog = None;
                self.leave();
            }
        }
        // What was wished changed what is shown; the next frame draws it at once.
        scene.changes_in(std::time::Duration::ZERO);
    }

    fn run(&mut self, ctx: &Context, scene: &mut Scene, command: Command) {
        match command {
            Command::AddProfile => return self.add_profile(),
            Command::Shortcuts => return self.open(Dialog::Shortcuts),
            Command::About => return self.open(Dialog::About),
            Command::Theme(theme) => return self.set_theme(theme),
            Command::Columns => return self.choose_columns(),
            Command::SaveFilter => return self.name_filter(),
            Command::Profile(number) => {
                if let Some(desk) = self.desks.get(number) {
                    self.front = Front::Desk(desk.profile.id);
                }
                return;
            }
            _ => {}
        }
        let Some(desk) = self.desk_mut() else { return };
        if !command.is_available(desk) {
            return;
        }
        let profile = desk.profile.id;
        match command {
            Command::Filter => self.focus_filter = true,
            Command::ShowEverything => {
                desk.set_filter("");
                desk.view.set_chip(Chip::All);
            }
            Command::Show(chip) => desk.view.set_chip(chip),
            Command::Details => {
                if let Some(row) = desk.table.cursor() {
                    desk.open_details(row);
                }
            }
            Command::Pause => pause(desk),
            Command::Follow => follow(desk),
            Command::SelectAll => {
                let Desk { table, activities, view, .. } = desk;
                table.select_all(activities, view);
            }
            Command::Download => {
                let row = desk.table.cursor();
                let inline = row.and_then(|row| desk.activity(row)).is_some_and(|activity| !activity.can_download());
                if let Some(row) = row {
                    self.ask_where(row, inline);
                }
            }
            Command::DownloadAll => self.ask_folder(FolderFor::Ready(profile)),
            Command::CheckStatus => {
                if let Some(row) = desk.table.cursor() {
                    self.check(row);
                }
            }
            Command::EditLabel => self.edit_label(),
            Command::CopyRows => self.copy_rows(ctx, scene),
            Command::Connect => _ = self.send(Action::Connect(profile)),
            Command::Disconnect => _ = self.send(Action::Disconnect(profile)),
            Command::RetryNow => _ = self.send(Action::RetryNow(profile)),
            Command::RenewToken => _ = self.send(Action::RenewToken(profile)),
            Command::DataSettings => {
                let dialog = Dialog::DataSettings(Box::new(DataSettings::of(desk)));
                self.open(dialog);
            }
            Command::RequestData => self.open(Dialog::RequestData(Box::new(RequestData::new(profile)))),
            Command::Track => self.open(Dialog::Track(Track::new(profile))),
            Command::Completeness => {
                let dialog = Dialog::Completeness { profile, report: Report::of(desk) };
                self.open(dialog);
            }
            Command::SignOut | Command::ForgetActivity | Command::RemoveProfile => self.ask_before(command),
            Command::AddProfile
            | Command::Shortcuts
            | Command::About
            | Command::Theme(_)
            | Command::Columns
            | Command::SaveFilter
            | Command::Profile(_) => {}
        }
    }

    /// Asks for a name for the activity that the keyboard is at.
    fn edit_label(&mut self) {
        let dialog = self.desk().and_then(|desk| {
            let activity = desk.activity(desk.table.cursor()?)?;
            let (key, text) = (activity.key(), activity.label().to_owned());
            Some(Dialog::Label { profile: desk.profile.id, key, text })
        });
        if let Some(dialog) = dialog {
            self.open(dialog);
        }
    }

    /// Asks before something of the profile in front goes.
    fn ask_before(&mut self, command: Command) {
        let Some(desk) = self.desk() else { return };
        let (profile, name) = (desk.profile.id, desk.profile.name.clone());
        self.open(match command {
            Command::ForgetActivity => Dialog::Forget { profile, name },
            Command::RemoveProfile => Dialog::Remove { profile, name },
            _ => Dialog::SignOut { profile, name, revoke: false },
        });
    }

    /// Takes a notice away. One that the engine keeps until it is read is read now.
    pub(super) fn dismiss(&mut self, number: u64) {
        let Some(notice) = self.notices.dismiss(number).filter(|notice| notice.severity > Severity::Info) else {
            return;
        };
        let name = notice.profile.and_then(|id| self.desk_of(id)).map(|desk| format!("{}: ", desk.profile.name));
        let told = name.and_then(|name| notice.sentence.strip_prefix(&name)).unwrap_or(&notice.sentence);
        let read = Action::NoticeRead { profile: notice.profile, sentence: told.to_owned() };
        if !self.parts.backend.send(read) {
            tracing::debug!("the engine is busy: the notice is told again at the next start");
        }
    }

    fn set_theme(&mut self, theme: Theme) {
        let mut preferences = self.preferences();
        preferences.theme = theme;
        self.send(Action::SetPreferences(preferences));
    }

    fn add_profile(&mut self) {
        if self.form.is_none() {
            self.form = Some(Form::new(&self.parts.prefill));
        }
        self.front = Front::New;
    }

    /// Leaves the form for a further profile, where there is another tab to go to.
    pub(super) fn close_form(&mut self) {
        let Some(desk) = self.desks.first() else { return };
        let front = Front::Desk(desk.profile.id);
        if let Some(form) = self.form.take()
            && form.is_asking()
        {
            self.send(Action::CancelSignIn(form.profile_id()));
        }
        self.front = front;
    }

    fn sign_in(&mut self) {
        let taken: Vec<String> = self.names_beside_front();
        let form = match self.front {
            Front::New => self.form.as_mut(),
            Front::Desk(id) => self.desks.iter_mut().find(|desk| desk.profile.id == id).map(|desk| &mut desk.form),
        };
        let Some(sign_in) = form.and_then(|form| form.submit(&taken)) else { return };
        if !self.send(Action::SignIn(Box::new(sign_in))) {
            match self.front {
                Front::New => {
                    if let Some(form) = &mut self.form {
                        form.not_asked();
                    }
                }
                Front::Desk(id) => {
                    if let Some(desk) = self.desk_of(id) {
                        desk.form.not_asked();
                    }
                }
            }
        }
    }

    fn check(&mut self, row: RowId) {
        let Some(desk) = self.desk() else { return };
        let profile = desk.profile.id;
        if let Some(ActivityKey::Command(command)) = desk.activity(row).map(|activity| activity.key()) {
            self.send(Action::CheckStatus { profile, command });
        }
    }

    /// Copies the selected rows as text, tabs between the cells.
    fn copy_rows(&mut self, ctx: &Context, scene: &Scene) {
        let Some(desk) = self.desk() else { return };
        let rows = desk.table.selection(&desk.activities, &desk.view, MOST_COPIED);
        let selected = desk.table.selected_count();
        let mut text = String::new();
        for activity in rows.iter().filter_map(|row| desk.activity(*row)) {
            let time = cell_time(activity.updated(), scene.now, &scene.zone);
            let when = if time.millis.is_empty() {
                full_time(activity.updated(), &scene.zone)
            } else {
                time.main + &time.millis
            };
            let cells = [
                when,
                activity.kind().word().to_owned(),
                visible(&activity.id()).into_owned(),
                visible(&label_of(&activity)).into_owned(),
                activity.status().word().into_owned(),
                visible(&activity.message()).into_owned(),
            ];
            text.push_str(&cells.join("\t"));
            text.push('\n');
        }
        if text.is_empty() {
            return;
        }
        ctx.copy_text(text);
        if selected > MOST_COPIED {
            self.notices.say(
                Severity::Warning,
                format!("Only the first {MOST_COPIED} of {selected} selected rows were copied. Select fewer to copy them all."),
            );
        }
    }
}

fn pause(desk: &mut Desk) {
    let Desk { activities, view, .. } = desk;
    if view.is_paused() { view.resume() } else { view.pause(activities) }
}

/// To the newest rows and stay there; pressed while there, stop staying.
fn follow(desk: &mut Desk) {
    let Desk { table, activities, view, .. } = desk;
    let follows = table.follows() && view.sort().is_none() && !view.is_paused();
    if follows {
        table.set_follow(false, activities, view);
    } else {
        view.resume();
        view.set_sort(None);
        table.set_follow(true, activities, view);
    }
}
