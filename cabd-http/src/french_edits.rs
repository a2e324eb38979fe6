//! Sentences about changes, in French.

/// What is wrong with a change; `{}` stands for what varies.
pub(crate) const SENTENCES: [(&str, &str); 45] = [
    ("a value is required", "une valeur est obligatoire"),
    ("not a code of {}", "pas un code de {}"),
    ("a retired code of {}", "un code retiré de {}"),
    (
        "not one of the words that the column takes",
        "pas un des mots que la colonne accepte",
    ),
    ("the value is given twice", "la valeur est donnée deux fois"),
    (
        "{} stores no such value",
        "{} n’enregistre pas cette valeur",
    ),
    (
        "the attribute is retired in {}: it takes no new values",
        "l’attribut est retiré de {} : il ne prend plus de valeurs",
    ),
    ("the key is missing", "la clé manque"),
    ("{} has no such row", "{} n’a pas cette ligne"),
    ("{} has this row already", "{} a déjà cette ligne"),
    ("{} is named by {}", "{} est nommé par {}"),
    (
        "values whose source is tracked need a data source",
        "des valeurs dont la source est suivie demandent une source de données",
    ),
    (
        "the row does not name its feature",
        "la ligne ne nomme pas son élément",
    ),
    (
        "the type and the identifier of a feature go together",
        "le type et l’identifiant d’un élément vont ensemble",
    ),
    (
        "no type that holds features has this name",
        "aucun type qui contient des éléments ne porte ce nom",
    ),
    ("no such member", "aucun membre de ce nom"),
    ("not an object", "pas un objet"),
    ("missing", "manquant"),
    (
        "not a value that is taken here",
        "pas une valeur acceptée ici",
    ),
    ("not a changeset", "pas un lot de changements"),
    ("given beside data_source", "donné à côté de data_source"),
    ("blank", "vide"),
    ("not an identifier", "pas un identifiant"),
    (
        "the feature has changed since commit {}: commit {} touched it",
        "l’élément a changé depuis le commit {} : le commit {} l’a touché",
    ),
    (
        "commit {} has set another value since commit {}",
        "le commit {} a mis une autre valeur depuis le commit {}",
    ),
    (
        "commit {} has deleted the row since commit {}",
        "le commit {} a supprimé la ligne depuis le commit {}",
    ),
    (
        "commit {} has added a row of {} since commit {}",
        "le commit {} a ajouté une ligne de {} depuis le commit {}",
    ),
    ("there is no such commit", "il n’y a pas un tel commit"),
    (
        "a change of the catalogue, not of rows",
        "un changement du catalogue, pas de lignes",
    ),
    (
        "the commit touched too many rows to be undone at once",
        "le commit a touché trop de lignes pour être annulé d’un coup",
    ),
    (
        "the commit has done nothing of what is to be undone",
        "le commit n’a rien fait de ce qui doit être annulé",
    ),
    (
        "the table that the commit changed has gone since",
        "la table que le commit a changée a disparu depuis",
    ),
    (
        "the value was erased, and cannot be brought back",
        "la valeur a été effacée et ne peut pas revenir",
    ),
    (
        "the value has no place any more: the attribute has gone, or takes other values",
        "la valeur n’a plus de place : l’attribut a disparu, ou prend d’autres valeurs",
    ),
    (
        "changed since by another commit",
        "changé depuis par un autre commit",
    ),
    (
        "the row was deleted since by another commit",
        "la ligne a été supprimée depuis par un autre commit",
    ),
    (
        "a row of {} has changed since, and would go with it",
        "une ligne de {} a changé depuis, et partirait avec lui",
    ),
    (
        "a row of {} was added since, and would go with it",
        "une ligne de {} a été ajoutée depuis, et partirait avec lui",
    ),
    (
        "a feature is merged with one other",
        "un élément est fusionné avec un seul autre",
    ),
    (
        "a feature is not merged with itself",
        "un élément n’est pas fusionné avec lui-même",
    ),
    (
        "a feature is split into several others",
        "un élément est divisé en plusieurs autres",
    ),
    (
        "a withdrawal needs a reason",
        "un retrait demande une raison",
    ),
    ("the feature is there", "l’élément est là"),
    ("an array element is null", "un élément du tableau est nul"),
    (
        "geometry has no positions",
        "la géométrie n’a pas de positions",
    ),
];

/// What would have been accepted.
pub(crate) const EXPECTATIONS: [(&str, &str); 16] = [
    ("a geometry", "une géométrie"),
    ("a JSON object", "un objet JSON"),
    ("an object", "un objet"),
    ("a text", "un texte"),
    ("a list of operations", "une liste d’opérations"),
    (
        "the UUID of a data source",
        "l’UUID d’une source de données",
    ),
    (
        "why there is no data source",
        "pourquoi il n’y a pas de source de données",
    ),
    ("one of the two", "l’un des deux"),
    (
        "the identifier in the address, or none",
        "l’identifiant de l’adresse, ou aucun",
    ),
    (
        "the number of a commit, beside an operation on a feature",
        "le numéro d’un commit, à côté d’une opération sur un élément",
    ),
    (
        "a feature type, {} or a code list",
        "un type d’élément, {} ou une liste de codes",
    ),
    ("one identifier", "un identifiant"),
    ("another feature", "un autre élément"),
    (
        "two or more features, each once",
        "deux éléments ou plus, chacun une fois",
    ),
    (
        "why the feature does not belong into the inventory",
        "pourquoi l’élément n’a pas sa place dans l’inventaire",
    ),
    ("a feature of {}", "un élément de {}"),
];

/// The next step.
pub(crate) const HINTS: [(&str, &str); 22] = [
    (
        "a feature needs a place; give its geometry",
        "un élément a besoin d’un lieu; donnez sa géométrie",
    ),
    (
        "labels, links and computed attributes follow from stored ones",
        "les libellés, les liens et les attributs calculés découlent de ceux qui sont enregistrés",
    ),
    (
        "leave the value out where it is not known",
        "omettez la valeur quand elle n’est pas connue",
    ),
    (
        "add the code first; in one change, put it before its use",
        "ajoutez d’abord le code; dans un même changement, avant son emploi",
    ),
    (
        "rows that have it keep it; use another code for new values",
        "les lignes qui l’ont le gardent; employez un autre code pour les nouvelles valeurs",
    ),
    (
        "add that row first; in one change, put it before the rows that name it",
        "ajoutez d’abord cette ligne; dans un même changement, avant les lignes qui la nomment",
    ),
    (
        "name data_source, or say in no_source why there is none",
        "nommez data_source, ou dites dans no_source pourquoi il n’y en a pas",
    ),
    (
        "name it, so that the source of the values can be kept",
        "nommez-le, afin que la source des valeurs soit gardée",
    ),
    (
        "the identifier of a feature never changes",
        "l’identifiant d’un élément ne change jamais",
    ),
    (
        "read it again, and make the change from there",
        "relisez-le, et refaites le changement à partir de là",
    ),
    (
        "look at both values, and make the change from what is there now",
        "regardez les deux valeurs, et refaites le changement à partir de ce qui est là",
    ),
    (
        "leave it, or put the row there anew in a change of its own",
        "laissez-la, ou remettez-la dans un changement à part",
    ),
    (
        "look at it, and make the change from what is there now",
        "regardez-la, et refaites le changement à partir de ce qui est là",
    ),
    (
        "undo the later change first, or take only what has no conflict",
        "annulez d’abord le changement plus récent, ou ne prenez que ce qui est sans conflit",
    ),
    (
        "undo that change first, or take only what has no conflict",
        "annulez d’abord ce changement, ou ne prenez que ce qui est sans conflit",
    ),
    (
        "undo it in parts, by feature",
        "annulez-le par parties, élément par élément",
    ),
    (
        "bring the attribute back first",
        "ramenez d’abord l’attribut",
    ),
    ("bring its type back first", "ramenez d’abord son type"),
    (
        "take it out of [[retired]] in the type's manifest to use it again",
        "sortez-le de [[retired]] dans le manifeste du type pour l’employer de nouveau",
    ),
    (
        "change or delete those rows first",
        "changez ou supprimez d’abord ces lignes",
    ),
    (
        "give cabd_id and cabd_type, or neither",
        "donnez cabd_id et cabd_type, ou aucun des deux",
    ),
    (
        "load the feature first, or name the type that it is of",
        "chargez d’abord l’élément, ou nommez le type dont il est",
    ),
];
