//! Which file of a crate depends on which, read from the names in the code.
//!
//! A file depends on another when its code names something that is *written* there: a type, a function, a constant, a
//! macro. A path that leads through a re-export (`pub use`) is followed to the file behind it. So a file that only declares
//! children and re-exports their names depends on none of them; one whose own code says such a name does. What only tests
//! compile is left out. Methods are not followed: a method needs a value, and the type of that is named somewhere.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A module from the crate's root, or a path as it is said: `["backup", "engine"]`.
type Names = Vec<String>;

/// What a file says.
#[derive(Default)]
struct Module {
    /// The file, from the crate's root.
    file: String,
    /// The modules that it declares, each a file.
    children: BTreeSet<String>,
    /// The names that its `use` lines bring, with the path of each.
    brought: BTreeMap<String, Names>,
    /// What its `use` lines bring whole of this crate.
    globs: Vec<Names>,
    /// Every path that its code says, and what it brings for itself.
    said: BTreeSet<Names>,
}

/// All files of a crate.
#[derive(Default)]
pub(crate) struct Crate {
    modules: BTreeMap<Names, Module>,
}

impl Crate {
    /// The crate whose root is in that folder.
    pub(crate) fn of(folder: &Path) -> Self {
        let mut all = Crate::default();
        let root = if folder.join("lib.rs").is_file() { "lib.rs" } else { "main.rs" };
        all.add(folder, root, Names::new());
        all
    }

    fn add(&mut self, folder: &Path, file: &str, place: Names) {
        let text = fs::read_to_string(folder.join(file)).expect("the file can be read");
        let mut module = Module { file: file.to_owned(), ..Module::default() };
        module.reads(text.parse().unwrap_or_else(|error| panic!("{file}: {error}")));
        for child in &module.children {
            let place: Names = place.iter().chain([child]).cloned().collect();
            let file = ["{}.rs", "{}/mod.rs"].map(|form| form.replace("{}", &place.join("/")));
            // One that lies elsewhere, by `#[path]`, is another crate's as well, and depends on nothing here.
            if let Some(file) = file.iter().find(|file| folder.join(file).is_file()) {
                self.add(folder, file, place);
            }
        }
        let Module { children, brought, globs, .. } = &mut module;
        let is_here = |first: &String| children.contains(first) || brought.contains_key(first);
        globs.retain(|glob| ["crate", "self", "super"].contains(&&*glob[0]) || is_here(&glob[0]));
        self.modules.insert(place, module);
    }

    /// Each file, and those that it depends on.
    pub(crate) fn dependencies(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let below = |(place, module): (&Names, &'_ Module)| {
            let homes = module.said.iter().filter_map(|said| self.home(place, said, &mut BTreeSet::new()));
            let files = homes.filter(|home| home != place).map(|home| &*self.modules[&home].file);
            files.collect()
        };
        self.modules.iter().map(|(place, module)| (&*module.file, below((place, module)))).collect()
    }

    /// The module in which that is written which `place` calls so; `None` for modules themselves, which are only steps on
    /// the way, and for what is not of this crate.
    fn home(&self, place: &[String], said: &[String], seen: &mut BTreeSet<(Names, Names)>) -> Option<Names> {
        if !seen.insert((place.to_vec(), said.to_vec())) {
            return None;
        }
        let module = &self.modules[place];
        let (first, rest) = said.split_first()?;
        let onward = |path: &[String]| path.iter().chain(rest).cloned().collect::<Names>();
        match first.as_str() {
            "crate" => self.below(&[], rest, seen),
            "self" => self.below(place, rest, seen),
            "super" => match rest.first().map(String::as_str) {
                Some("super") => self.home(&place[..place.len() - 1], rest, seen),
                _ => self.below(&place[..place.len() - 1], rest, seen),
            },
            name if module.children.contains(name) => self.below(place, said, seen),
            name => match module.brought.get(name) {
                Some(path) => self.home(place, &onward(path), seen),
                None => module.globs.iter().find_map(|glob| {
                    let path: Names = glob.iter().chain(said).cloned().collect();
                    self.home(place, &path, seen).filter(|home| self.writes(home, name))
                }),
            },
        }
    }

    /// The same for a path from that module.
    fn below(&self, place: &[String], path: &[String], seen: &mut BTreeSet<(Names, Names)>) -> Option<Names> {
        let (first, rest) = path.split_first()?;
        let module = self.modules.get(place)?;
        if module.children.contains(first) {
            let child: Names = place.iter().chain([first]).cloned().collect();
            return self.below(&child, rest, seen);
        }
        if module.brought.contains_key(first) {
            return self.home(place, path, seen);
        }
        let behind = module.globs.iter().find_map(|glob| {
            let path: Names = glob.iter().chain(path).cloned().collect();
            self.home(place, &path, seen).filter(|home| self.writes(home, first))
        });
        Some(behind.unwrap_or_else(|| place.to_vec()))
    }

    /// Whether a module that is taken whole has that name in its code.
    fn writes(&self, home: &[String], name: &str) -> bool {
        self.modules[home].said.iter().any(|said| said.len() == 1 && said[0] == name)
    }
}

impl Module {
    fn reads(&mut self, code: TokenStream) {
        let mut code = code.into_iter().peekable();
        let (mut public, mut tested) = (false, false);
        let mut path = Names::new();
        // After these comes a name that is new, or a field's or a method's.
        let mut own = false;
        while let Some(token) = code.next() {
            let is_public = std::mem::take(&mut public);
            let is_own = std::mem::take(&mut own);
            match token {
                TokenTree::Punct(mark) if mark.as_char() == '#' => {
                    if let Some(TokenTree::Group(attribute)) = code.next_if(|next| matches!(next, TokenTree::Group(_)))
                    {
                        let text = attribute.stream().to_string().replace(' ', "");
                        tested |= text.starts_with("cfg(test") || text.starts_with("cfg(any(test");
                    }
                }
                // An item that only tests compile ends with its body or a semicolon.
                TokenTree::Group(group) if tested => tested = group.delimiter() != Delimiter::Brace,
                TokenTree::Punct(mark) if tested => tested = mark.as_char() != ';',
                _ if tested => {}
                TokenTree::Ident(word) if word == "pub" => {
                    code.next_if(|next| matches!(next, TokenTree::Group(_)));
                    public = true;
                }
                // `use<'a>` in a type brings nothing.
                TokenTree::Ident(word) if word == "use" && code.peek().is_none_or(|next| !is_mark(next, '<')) => {
                    let tree = std::iter::from_fn(|| code.next_if(|next| !is_mark(next, ';')));
                    self.brings(tree.collect(), &[], is_public);
                }
                TokenTree::Ident(word) if word == "mod" => {
                    let name = code.next().expect("a module has a name").to_string();
                    if code.peek().is_some_and(|next| is_mark(next, ';')) {
                        self.children.insert(name);
                    }
                }
                TokenTree::Ident(word) => {
                    own = word == "fn";
                    path.push(word.to_string());
                    let colon = |next: &TokenTree| is_mark(next, ':');
                    let colons =
                        usize::from(code.next_if(colon).is_some()) + usize::from(code.next_if(colon).is_some());
                    if colons == 2 && matches!(code.peek(), Some(TokenTree::Ident(_))) {
                        continue;
                    }
                    let path = std::mem::take(&mut path);
                    if (!is_own || path.len() > 1) && colons != 1 {
                        self.said.insert(path);
                    }
                }
                TokenTree::Group(group) => self.reads(group.stream()),
                TokenTree::Punct(mark) => own = mark.as_char() == '.' && !is_own,
                TokenTree::Literal(_) => {}
            }
        }
    }

    /// One `use`, or a branch of it.
    fn brings(&mut self, tree: TokenStream, before: &[String], public: bool) {
        let mut path = before.to_vec();
        let mut name = None;
        let mut tree = tree.into_iter();
        while let Some(token) = tree.next() {
            match token {
                TokenTree::Ident(word) if word == "as" => name = tree.next().map(|name| name.to_string()),
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Group(branches) => {
                    self.brings(branches.stream(), &path, public);
                    path.clear();
                }
                TokenTree::Punct(mark) if mark.as_char() == '*' => self.globs.push(std::mem::take(&mut path)),
                TokenTree::Punct(mark) if mark.as_char() == ',' => {
                    self.bring(std::mem::replace(&mut path, before.to_vec()), name.take(), public);
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
        if path != before {
            self.bring(path, name, public);
        }
    }

    fn bring(&mut self, mut path: Names, name: Option<String>, public: bool) {
        if path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let Some(name) = name.or_else(|| path.last().cloned()) else { return };
        // `pub(crate) use name;` shows a macro that is written in this file.
        if path.len() == 1 && path[0] == name {
            return;
        }
        if !public {
            self.said.insert(path.clone());
        }
        self.brought.insert(name, path);
    }
}

fn is_mark(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(found) if found.as_char() == mark)
}

/// A shortest circle for each file that is in one: `a.rs → b.rs → a.rs`.
pub(crate) fn circles(dependencies: &BTreeMap<&str, BTreeSet<&str>>) -> BTreeSet<Vec<String>> {
    let circle = |start: &&str| {
        let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
        let mut next = VecDeque::from([*start]);
        while let Some(file) = next.pop_front() {
            for below in &dependencies[file] {
                if below == start {
                    let mut way = vec![file];
                    while way.last() != Some(start) {
                        way.push(came_from[way[way.len() - 1]]);
                    }
                    // From the file whose name comes first, so that each circle is told once.
                    way.reverse();
                    let first = (0..way.len()).min_by_key(|at| way[*at]).unwrap_or_default();
                    way.rotate_left(first);
                    return Some(way.into_iter().map(str::to_owned).collect::<Vec<_>>());
                }
                if !came_from.contains_key(below) {
                    came_from.insert(below, file);
                    next.push_back(below);
                }
            }
        }
        None
    };
    dependencies.keys().filter_map(circle).collect()
}
