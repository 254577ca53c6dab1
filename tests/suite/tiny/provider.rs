//! A whole provider: boards, and notes on them, kept in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use huaweidb::plugin::{
    Action, Attr, Attribute, Catalogue, Diagnostic, Diagnostics, Findings, Identity, Life, ListResource, Provider,
    Resource, Run, Schema, model,
};
use tokio_util::sync::CancellationToken;

model! { pub(super) struct Settings { folder: Attr<String> } }
model! { pub(super) struct Board { name: Attr<String>, notes: Attr<i64> } }
model! { pub(super) struct Note { id: Attr<String>, board: Attr<String>, style: Attr<Style> } }
model! { pub(super) struct Style { color: Attr<String>, size: Attr<i64> } }
model! { pub(super) struct OfBoard { board: Attr<String> } }

/// The notes of every board.
#[derive(Clone, Default)]
pub(super) struct Pins(Arc<Mutex<BTreeMap<String, Vec<Note>>>>);

impl Pins {
    fn boards(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Note>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn change(&self, note: &Note, change: impl FnOnce(&mut Vec<Note>)) -> Result<(), Diagnostics> {
        let missing = || Diagnostic::error("No such board", "Create it first.").at("board");
        let mut boards = self.boards();
        let notes = boards.get_mut(note.board.as_str().unwrap_or_default()).ok_or_else(missing)?;
        notes.retain(|other| other.id != note.id);
        change(notes);
        Ok(())
    }
}

impl Provider for Pins {
    type Settings = Settings;
    type Client = Pins;
    fn name(&self) -> &'static str {
        "pins"
    }
    fn address(&self) -> &'static str {
        "localhost/test/pins"
    }
    fn schema(&self) -> Schema {
        Schema::new("Notes on boards.").attribute(Attribute::string("folder").describe("Nothing."))
    }
    async fn configure(&self, _: Settings, _: &str, _: &CancellationToken, _: &mut Diagnostics) -> Option<Pins> {
        Some(self.clone())
    }
    fn catalogue(&self) -> Catalogue<Pins> {
        Catalogue::new()
            .resource("board", Board::default())
            .resource("note", Note::default())
            .list_resource("note", OfBoard::default())
            .action("clear", OfBoard::default())
    }
}

impl Resource<Pins> for Board {
    type Model = Board;
    fn schema(&self) -> Schema {
        Schema::new("A board.")
            .attribute(Attribute::string("name").required().replaces().length(1, 20).describe("The name."))
            .attribute(Attribute::integer("notes").computed().keeps().describe("How many notes hang on it."))
    }
    async fn create(&self, pins: &Pins, planned: Board, _: &mut Life<Board>) -> Result<Board, Diagnostics> {
        pins.boards().insert(planned.name.as_str().unwrap_or_default().to_owned(), Vec::new());
        Ok(Board { notes: Attr::Known(0), ..planned })
    }
    async fn read(&self, pins: &Pins, state: Board, _: &mut Life<Board>) -> Result<Option<Board>, Diagnostics> {
        let board = pins.boards().get(state.name.as_str().unwrap_or_default()).map(Vec::len);
        Ok(board.map(|notes| Board { notes: i64::try_from(notes).ok().into(), ..state }))
    }
    async fn delete(&self, pins: &Pins, state: Board, _: &mut Life<Board>) -> Result<(), Diagnostics> {
        pins.boards().remove(state.name.as_str().unwrap_or_default());
        Ok(())
    }
    fn import(&self, id: &str) -> Result<Board, Diagnostics> {
        Ok(Board { name: id.into(), ..Board::default() })
    }
}

impl Resource<Pins> for Note {
    type Model = Note;
    fn schema(&self) -> Schema {
        let color = Attribute::string("color").one_of(["yellow", "blue"]).default("yellow").describe("The colour.");
        let size = Attribute::integer("size").between(1, 9).describe("How large.");
        Schema::new("A note.")
            .attribute(Attribute::string("id").required().replaces().describe("What it says."))
            .attribute(Attribute::string("board").required().replaces().describe("Where it hangs."))
            .attribute(Attribute::object("style", [color, size]).describe("How it looks."))
            .identified_by(Identity::new().required("id", "What it says.").required("board", "Where it hangs."))
    }
    async fn create(&self, pins: &Pins, planned: Note, _: &mut Life<Note>) -> Result<Note, Diagnostics> {
        pins.change(&planned, |notes| notes.push(planned.clone()))?;
        Ok(planned)
    }
    async fn read(&self, pins: &Pins, state: Note, _: &mut Life<Note>) -> Result<Option<Note>, Diagnostics> {
        let boards = pins.boards();
        let mut notes = boards.get(state.board.as_str().unwrap_or_default()).into_iter().flatten();
        Ok(notes.find(|note| note.id == state.id).cloned())
    }
    async fn delete(&self, pins: &Pins, state: Note, _: &mut Life<Note>) -> Result<(), Diagnostics> {
        pins.change(&state, |_| ())
    }
    fn import(&self, id: &str) -> Result<Note, Diagnostics> {
        let (board, id) = id.split_once('/').unwrap_or_default();
        Ok(Note { id: id.into(), board: board.into(), ..Note::default() })
    }
}

impl ListResource<Pins> for OfBoard {
    type Model = OfBoard;
    type Object = Note;
    fn schema(&self) -> Schema {
        Schema::new("Notes.").attribute(Attribute::string("board").required().describe("Where they hang."))
    }
    async fn list(&self, pins: &Pins, config: OfBoard, found: &mut Findings<Note>) -> Result<(), Diagnostics> {
        let notes = pins.boards().get(config.board.as_str().unwrap_or_default()).cloned().unwrap_or_default();
        for note in notes {
            let _ = found.push(note.id.as_str().unwrap_or_default(), note.clone()).await;
        }
        Ok(())
    }
}

impl Action<Pins> for OfBoard {
    type Model = OfBoard;
    fn schema(&self) -> Schema {
        Schema::new("Takes all notes off.").attribute(Attribute::string("board").required().describe("Of which board."))
    }
    async fn invoke(&self, pins: &Pins, config: OfBoard, run: &mut Run) -> Result<(), Diagnostics> {
        let gone = pins.boards().get_mut(config.board.as_str().unwrap_or_default()).map(std::mem::take);
        run.tell(format!("Took {} notes off", gone.unwrap_or_default().len()));
        Ok(())
    }
}
