//! What Typst sees of this machine: three folders of the workspace, rows of the results, and the fonts that
//! are compiled in.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use sha2::{Digest as _, Sha256};
use typst::{
    Library, LibraryExt as _,
    diag::{FileError, FileResult},
    foundations::{Bytes, Datetime, Duration},
    syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot},
    text::{Font, FontBook},
    utils::LazyHash,
};

use crate::{Error, SOURCE, rows::Table};

/// The folders that a paper may read.
const READABLE: [&str; 3] = ["paper", "results", "experiments"];

/// The files of one build, each read once.
pub(crate) struct World {
    /// Canonical, so that a link cannot lead out of it unseen.
    root: PathBuf,
    /// Folders of results that stand in for those of their names below the root.
    others: Vec<PathBuf>,
    main: FileId,
    library: LazyHash<Library>,
    book: LazyHash<FontBook>,
    fonts: Vec<Font>,
    /// What was read, by its path below the root.
    read: Mutex<BTreeMap<String, Bytes>>,
    tables: Mutex<HashMap<String, Arc<Table>>>,
}

impl World {
    pub(crate) fn new(root: &Path, others: &[PathBuf]) -> Result<Self, Error> {
        let root = root.canonicalize().map_err(|source| Error::Root {
            path: root.to_owned(),
            source,
        })?;
        let main =
            VirtualPath::new(SOURCE).map_err(|why| Error::Source(format!("{SOURCE}: {why}")))?;
        // DejaVu Sans is what the figures were measured with.
        let fonts: Vec<Font> = typst_assets::fonts()
            .chain([dejavu::sans::regular(), dejavu::sans::bold()])
            .flat_map(|data| Font::iter(Bytes::new(data)))
            .collect();
        Ok(Self {
            root,
            others: others.to_owned(),
            main: RootedPath::new(VirtualRoot::Project, main).intern(),
            library: LazyHash::new(Library::default()),
            book: LazyHash::new(FontBook::from_fonts(&fonts)),
            fonts,
            read: Mutex::default(),
            tables: Mutex::default(),
        })
    }

    /// `sha256  path` of every file that was read, a line each, by path.
    pub(crate) fn inputs(&self) -> String {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.iter()
            .map(|(path, content)| checksum(path, content))
            .collect()
    }

    fn file_at(&self, path: &str) -> FileResult<Bytes> {
        match path.strip_prefix("rows/") {
            Some(query) => self.row(query).map(Bytes::new),
            None => self.read(path),
        }
    }

    fn read(&self, path: &str) -> FileResult<Bytes> {
        let refused = || {
            other(format!(
                "{path}: the paper may read only {}; copy what it needs into paper/",
                READABLE.map(|folder| format!("{folder}/")).join(", ")
            ))
        };
        let within = |path: &Path| READABLE.iter().any(|folder| path.starts_with(folder));
        if !within(Path::new(path)) {
            return Err(refused());
        }
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(content) = read.get(path) {
            return Ok(content.clone());
        }
        let missing = |why| {
            other(format!(
                "{path}: {why}; restore it, or regenerate the results"
            ))
        };
        let file = match self.in_others(path) {
            Some(file) => file,
            None => {
                let file = self.root.join(path).canonicalize().map_err(missing)?;
                if !file.strip_prefix(&self.root).is_ok_and(within) {
                    return Err(refused());
                }
                file
            }
        };
        let content = Bytes::new(fs::read(file).map_err(missing)?);
        read.insert(path.to_owned(), content.clone());
        Ok(content)
    }

    fn in_others(&self, path: &str) -> Option<PathBuf> {
        let (name, file) = path.strip_prefix("results/")?.split_once('/')?;
        let mut others = self.others.iter();
        let folder = others.find(|folder| folder.file_name().is_some_and(|last| last == name))?;
        Some(folder.join(file)).filter(|file| file.is_file())
    }

    /// The row that `query` names: `NAME/FILE.csv/column=value/…`.
    fn row(&self, query: &str) -> FileResult<Vec<u8>> {
        let mut parts = query.splitn(3, '/');
        let (Some(name), Some(file), Some(labels)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(other(format!(
                "rows/{query}: name an experiment, a file and labels"
            )));
        };
        let path = format!("results/{name}/{file}");
        let table = self.table(&path)?;
        let labels: Vec<&str> = labels.split('/').collect();
        table.row(&labels).map_err(other)
    }

    fn table(&self, path: &str) -> FileResult<Arc<Table>> {
        let content = self.read(path)?;
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = tables.get(path) {
            return Ok(Arc::clone(table));
        }
        let table = Arc::new(Table::parse(path, &content).map_err(other)?);
        tables.insert(path.to_owned(), Arc::clone(&table));
        Ok(table)
    }
}

impl typst::World for World {
    fn library(&self) -> &LazyHash<Library> {
        &self.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &self.book
    }

    fn main(&self) -> FileId {
        self.main
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        let text = self.file(id)?;
        let text = text.as_str().map_err(|_| FileError::InvalidUtf8)?;
        Ok(Source::new(id, text.to_owned()))
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        match id.root() {
            VirtualRoot::Project => self.file_at(id.vpath().get_without_slash()),
            VirtualRoot::Package(package) => Err(other(format!(
                "{package}: the paper uses no packages, which would be downloaded; copy what it needs into paper/"
            ))),
        }
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.fonts.get(index).cloned()
    }

    /// None: a paper that names today is another tomorrow.
    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}

/// The line of a file in the list of inputs.
pub(crate) fn checksum(path: &str, content: &[u8]) -> String {
    format!("{}  {path}\n", hex::encode(Sha256::digest(content)))
}

fn other(message: String) -> FileError {
    FileError::Other(Some(message.into()))
}
