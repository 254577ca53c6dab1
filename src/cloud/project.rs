//! Which project a region's calls are for. Pure: lists in, an id or a sentence that helps out.

use serde_json::Value as Json;

use super::Error;
use super::endpoint::IAM;

/// The one project of that name, as `call` lists them. `trace_id` names the request, for people who ask the vendor; `nearest` is a region's name that may
/// be meant.
pub(super) fn named(
    list: &Json,
    name: &str,
    call: &str,
    trace_id: Option<&str>,
    nearest: Option<&str>,
) -> Result<String, Error> {
    let trace = trace_id.map(|id| format!(" (request {id})")).unwrap_or_default();
    let Some(projects) = list.get("projects").and_then(Json::as_array) else {
        return Err(Error::Misread {
            product: IAM.key,
            call: call.to_owned(),
            reason: "there is no list `projects`; what answers may be a login page or another service. Check `auth_url`, or set \
                     `project_id`"
                .to_owned(),
            request_id: trace_id.map(str::to_owned),
        });
    };
    let text = |project: &Json, field: &str| project.get(field).and_then(Json::as_str).unwrap_or_default().to_owned();
    let hits = projects.iter().filter(|project| text(project, "name") == name).map(|project| text(project, "id"));
    let hits = hits.filter(|id| !id.is_empty()).collect::<Vec<_>>();
    let perhaps = nearest.map_or(String::new(), |nearest| format!(" Perhaps {nearest} is meant."));
    match hits.as_slice() {
        [id] => Ok(id.clone()),
        [] => Err(Error::NoProject(format!(
            "IAM knows no project {name:?} for these credentials{trace}.{perhaps} The region may be misspelt or not enabled for the \
             account, or the project has another name. Set `project_name` or `project_id`"
        ))),
        several => Err(Error::Setup(format!(
            "IAM knows several projects {name:?}{trace}: {}. Set `project_id` to one of them",
            several.join(", ")
        ))),
    }
}

/// The name of the project with this id, if it is listed.
pub(super) fn by_id(list: &Json, id: &str) -> Option<String> {
    let projects = list.get("projects").and_then(Json::as_array)?;
    let project = projects.iter().find(|project| project.get("id").and_then(Json::as_str) == Some(id))?;
    Some(project.get("name").and_then(Json::as_str).unwrap_or_default().to_owned())
}

/// The project of a ready token, if it fits. `anywhere`: any project will do, whatever its name.
pub(super) fn of_token(body: &Json, name: &str, anywhere: bool) -> Result<Option<String>, Error> {
    let text = |field: &str| body.pointer(&format!("/token/project/{field}")).and_then(Json::as_str);
    let (Some(id), Some(own)) = (text("id"), text("name")) else { return Ok(None) };
    if anywhere || own == name {
        return Ok(Some(id.to_owned()));
    }
    Err(Error::Setup(format!(
        "the token is for the project {own:?} and cannot be used for {name:?}: get a token for that project, or use access \
         keys"
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn exactly_one_project_has_the_name() {
        let example: Json =
            serde_json::from_str(include_str!("../../tests/data/cloud-api/iam.projects.response.json")).unwrap();
        assert_eq!(
            named(&example, "eu-de", "GET /v3/projects", None, None).unwrap(),
            "619d3e78f61b4be68bc5aa0b59edcf7b"
        );

        let list = |names: &[(&str, &str)]| json!({ "projects": names.iter().map(|(id, name)| json!({"id": id, "name": name})).collect::<Vec<_>>() });
        let found = named(&list(&[("1", "eu-de_team"), ("2", "eu-de")]), "eu-de", "GET /v3/projects", None, None);
        assert_eq!(found.unwrap(), "2", "only the whole name counts");
        for (list, words) in [
            (list(&[]), ["knows no project \"eu-de\"", "(request r1). Perhaps eu-nl is meant."]),
            (list(&[("1", "eu-de_team")]), ["knows no project", "project_id"]),
            (list(&[("1", "eu-de"), ("2", "eu-de")]), ["1, 2", "several"]),
            (list(&[("", "eu-de")]), ["knows no project", ""]),
            (json!({}), ["something other than documented", "project_id"]),
            (json!({"projects": "x"}), ["no list `projects`", ""]),
            (json!({"projects": [1, null, {"name": 2}]}), ["knows no project", ""]),
            (Json::Null, ["no list `projects`", ""]),
        ] {
            let error = named(&list, "eu-de", "GET /v3/projects", Some("r1"), Some("eu-nl")).unwrap_err().to_string();
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
    }

    #[test]
    fn a_token_is_for_its_own_project() {
        let example: Json =
            serde_json::from_str(include_str!("../../tests/data/cloud-api/iam.token.response.json")).unwrap();
        let id = Some("619d3e78f61b4be68bc5aa0b59edcf7b".to_owned());
        assert_eq!(of_token(&example, "eu-de", false).unwrap(), id);
        assert_eq!(of_token(&example, "eu-nl", true).unwrap(), id);
        assert!(of_token(&example, "eu-nl", false).unwrap_err().to_string().contains("\"eu-de\""));
        assert_eq!(of_token(&json!({"token": {}}), "eu-de", false).unwrap(), None);
    }
}
