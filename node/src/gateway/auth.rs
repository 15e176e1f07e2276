//! Who is there: sign-in, guest links, cookies, and the birth of sessions.
//!
//! The seam for the full identity system: everything behind `session_of` knows only a `Caller`.
//!
//! # Invariants
//! - **G1** A wrong name costs as long as a wrong password, so neither is given away.
//! - **G2** A cookie is `__Host-`, `HttpOnly`, `Secure`, `SameSite=Strict`.
//! - **G3** A guest's session is worth nothing once its link is revoked, expired or closed.

use actors::{
    handle::{No, ODD},
    session::{self, Session},
    tenant::{self, Opens, Tenant},
    vault::{self, Vault},
};
use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier},
};
use axum::{
    Json,
    extract::{ConnectInfo, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{AppendHeaders, IntoResponse},
};
use protocol::{
    audit::{By, Draft, Log, Outcome, Purpose, Thing, Verb},
    caller::{Caller, Role},
    frame::{Fault, Refusal},
    id::{LinkId, PersonId, SessionId, TenantId},
    key::Key,
    session::{Origin, SessionCommand, SessionView},
    tenant::TenantRefusal,
    time::{Span, Time},
    vault::VaultRefusal,
};
use serde::Deserialize;
use std::{net::SocketAddr, sync::LazyLock};

use super::{Gate, Shared, bodies::Not, record, roles};
use crate::secrets::chance;

const COOKIE: &str = "__Host-konsil";

/// A sign-in form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    login: String,
    password: String,
    /// As what, when somebody has several roles; otherwise the least powerful of them.
    #[serde(default)]
    role: Option<Role>,
}

/// A guest link's secret part.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkOnly {
    link: String,
}

/// A guest who enters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enter {
    link: String,
    name: String,
}

type From = ConnectInfo<SocketAddr>;

/// `POST /api/sign-in`
pub async fn sign_in(
    State(gate): State<Shared>,
    ConnectInfo(from): From,
    headers: HeaderMap,
    Json(form): Json<SignIn>,
) -> Result<impl IntoResponse, Not> {
    same_site(&headers)?;
    if !gate.guards.sign_in(from.ip()) {
        return Err(Not::too_often());
    }
    let tenant = gate.tenancy.of(&headers)?;
    let login = form.login.clone();
    let key = Key::Vault(tenant);
    let query = vault::Query::Enrolled { login };
    let vault::Answer::Enrolled(known) = gate.house.query::<Vault>(key, query).await? else {
        return Err(ODD.into());
    };
    let secret = known.as_ref().map_or(NOBODY.clone(), |known| known.secret.clone());
    let right = check(&gate, form.password, secret).await?;
    let meant = known.as_ref().map(|known| Thing::Person { person: known.person });
    match known.filter(|_| right) {
        Some(vault::Enrolled { person, role: before, .. }) => {
            let chosen = roles::chosen(&gate, (tenant, person, before), form.role).await;
            if chosen.as_ref().is_err_and(Not::is_refusal) {
                not_in(&gate, &from, tenant, meant).await?;
            }
            let (role, until) = chosen?;
            let life = Span::from_secs(gate.limits.sign_in_hours * 3600);
            let left = until.map(|until| until.since(gate.house.now()));
            let life = left.map_or(life, |left| left.min(life));
            let born = birth(&gate, tenant, person, role, Origin::SignIn {}, life).await?;
            came_in(&gate, &from, &born.by, Verb::SignIn, vec![]).await?;
            Ok((StatusCode::NO_CONTENT, born.cookie))
        }
        None => {
            // Recorded whether or not there is such a person, so neither is given away (G1).
            not_in(&gate, &from, tenant, meant).await?;
            Err(Not::refused(Refusal::Vault { why: VaultRefusal::NotFound }))
        }
    }
}

/// Records that somebody has a session now, and from where it came to be.
async fn came_in(
    gate: &Gate,
    from: &SocketAddr,
    by: &Caller,
    verb: Verb,
    what: Vec<Thing>,
) -> Result<(), No> {
    let draft = record::stranger(gate, from.ip(), verb, Outcome::Done, what).await;
    record::of_person(gate, by, draft).await
}

/// Records that somebody wanted to sign in and could not.
async fn not_in(
    gate: &Gate,
    from: &SocketAddr,
    tenant: TenantId,
    meant: Option<Thing>,
) -> Result<(), No> {
    let (verb, result) = (Verb::SignInRefused, Outcome::Refused);
    let draft = record::stranger(gate, from.ip(), verb, result, meant).await;
    record::write(gate, tenant, Log::Application, draft).await
}

/// `POST /api/sign-out`
pub async fn sign_out(
    State(gate): State<Shared>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Not> {
    same_site(&headers)?;
    if let Ok((caller, _)) = session_of(&gate, &headers).await {
        let input = session::Input::Command(SessionCommand::Close {});
        gate.house.ask::<Session>(Key::Session(caller.session), caller, input).await?;
        gate.house.cut_session(caller.session);
        let draft = Draft::new(Verb::SignOut, By::Node {}, Outcome::Done);
        record::of_person(&gate, &caller, draft).await?;
    }
    let gone = format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, gone)])))
}

/// `POST /api/link`: what a guest link opens, without entering.
pub async fn look_at_link(
    State(gate): State<Shared>,
    ConnectInfo(from): From,
    headers: HeaderMap,
    Json(form): Json<LinkOnly>,
) -> Result<impl IntoResponse, Not> {
    same_site(&headers)?;
    let (tenant, link, opens) = opened(&gate, &from, &headers, &form.link).await?;
    let what = [
        Thing::Link { link },
        Thing::Case { case: opens.case },
        Thing::Person { person: opens.expert },
    ];
    let draft = record::stranger(&gate, from.ip(), Verb::LinkOpened, Outcome::Done, what).await;
    let draft = Draft { purpose: Some(Purpose::Invitation), ..draft };
    record::write(&gate, tenant, Log::Application, draft).await?; // before the name leaves
    let expert = name_of(&gate, tenant, opens.expert).await?;
    Ok(Json(serde_json::json!({
        "title": opens.title,
        "expert": expert,
        "until": opens.until,
        "case": opens.case,
        "room": opens.case.room(),
        "conversation": opens.case.conversation(),
    })))
}

/// `POST /api/enter`: a guest gets a session of its own.
pub async fn enter(
    State(gate): State<Shared>,
    ConnectInfo(from): From,
    headers: HeaderMap,
    Json(form): Json<Enter>,
) -> Result<impl IntoResponse, Not> {
    same_site(&headers)?;
    let (tenant, link, opens) = opened(&gate, &from, &headers, &form.link).await?;
    let (person, role) = (opens.customer, Role::Customer);
    let name = vault::Input::Name { person, role, name: form.name.trim().to_string() };
    gate.house.ask::<Vault>(Key::Vault(tenant), Caller::node(tenant), name).await?;
    let origin = Origin::Link { link, case: opens.case };
    let life = Span::from_secs(gate.limits.guest_hours * 3600);
    let born = birth(&gate, tenant, person, role, origin, life).await?;
    let what = vec![Thing::Link { link }, Thing::Case { case: opens.case }];
    came_in(&gate, &from, &born.by, Verb::GuestEntered, what).await?;
    let body = Json(serde_json::json!({
        "case": opens.case,
        "room": opens.case.room(),
        "conversation": opens.case.conversation(),
    }));
    Ok((born.cookie, body))
}

/// The caller behind a request's cookie, and how the session came to be.
///
/// # Errors
/// `401` when there is none, it was signed out, its time is over, or its link is worthless (G3).
pub async fn session_of(gate: &Gate, headers: &HeaderMap) -> Result<(Caller, Origin), Not> {
    let cookie = cookie_named(headers, COOKIE).ok_or_else(Not::unknown)?;
    let (tenant, session) = gate.secrets.read_cookie(cookie).ok_or_else(Not::unknown)?;
    if gate.tenancy.of(headers)? != tenant {
        return Err(Not::unknown()); // TN2
    }
    let Known { by, origin, .. } = known(gate, tenant, session).await?;
    Ok((by, origin))
}

/// A session that is worth something now.
pub struct Known {
    /// Who it is.
    pub by: Caller,
    /// How the session came to be.
    pub origin: Origin,
    /// Until when it, and the link it came by, are good.
    pub until: Time,
}

/// What is known of a session whose cookie this node signed.
///
/// # Errors
/// As [`session_of`].
pub async fn known(gate: &Gate, tenant: TenantId, session: SessionId) -> Result<Known, Not> {
    let (key, node) = (Key::Session(session), Caller::node(tenant));
    gate.house.ask::<Session>(key, node, session::Input::Resume).await?;
    unended(gate, tenant, session).await
}

/// The same without a look at the clock: it was not signed out, and its link is not worthless (G3).
///
/// # Errors
/// As [`session_of`].
pub async fn unended(gate: &Gate, tenant: TenantId, session: SessionId) -> Result<Known, Not> {
    gate.tenancy.open(tenant)?; // TN3
    let (key, node) = (Key::Session(session), Caller::node(tenant));
    let query = session::Query::View { by: node };
    let session::Answer::View(view) = gate.house.query::<Session>(key, query).await?;
    let view = view.map_err(|why| Not::refused(Refusal::Session { why }))?;
    let SessionView { person, role, origin, mut until, .. } = view;
    match origin {
        Origin::Link { link, .. } => {
            until = until.min(link_opens(gate, tenant, link).await?.until);
        }
        Origin::SignIn {} => {
            let ends = roles::still(gate, (tenant, person, role)).await?;
            until = ends.map_or(until, |ends| until.min(ends));
        }
    }
    Ok(Known { by: Caller { tenant, person, session, role }, origin, until })
}

/// Refuses what a page of another site sent: browsers name the origin on every POST and socket.
///
/// # Errors
/// `403` when the origin is named and is not this site.
pub fn same_site(headers: &HeaderMap) -> Result<(), Not> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let host = text(header::HOST).ok_or_else(Not::foreign)?;
    match text(header::ORIGIN) {
        Some(origin) if origin.strip_prefix("https://") == Some(host) => Ok(()),
        _ => Err(Not::foreign()),
    }
}

/// A hash as it is kept in the vault.
///
/// # Errors
/// When Argon2 refuses the password, which it does for more than 4 GiB.
pub fn hash(password: &str) -> Result<String, argon2::password_hash::Error> {
    // The library's default: Argon2id, 19 MiB, 2 passes (OWASP's minimum).
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &chance::<16>())?;
    let hash: argon2::password_hash::phc::PasswordHash = hash;
    Ok(hash.to_string())
}

/// The hash that is checked when nobody has the name (G1).
static NOBODY: LazyLock<String> = LazyLock::new(|| hash("nobody").unwrap_or_default());

async fn check(gate: &Gate, password: String, secret: String) -> Result<bool, Not> {
    let busy = |_| Not::faulted(Fault::Busy);
    let turn = gate.password_checks.clone().acquire_owned().await;
    let turn = turn.map_err(|_| Not::faulted(Fault::Stopping))?;
    let checked = tokio::task::spawn_blocking(move || {
        let _turn = turn; // kept to the end of the check, also when the browser has gone away
        Argon2::default().verify_password(password.as_bytes(), secret.as_str()).is_ok()
    });
    checked.await.map_err(busy)
}

async fn opened(
    gate: &Gate,
    from: &SocketAddr,
    headers: &HeaderMap,
    token: &str,
) -> Result<(TenantId, LinkId, Opens), Not> {
    if !gate.guards.link(from.ip()) {
        return Err(Not::too_often());
    }
    let forged = || Not::refused(Refusal::Tenant { why: TenantRefusal::NotFound });
    let here = gate.tenancy.of(headers)?;
    // TN2: another tenant's is as good as none
    let known = gate.secrets.read_link(token).filter(|(tenant, ..)| *tenant == here);
    let link = known.map(|(_, link, _)| link);
    let opens = match link {
        Some(link) => link_opens(gate, here, link).await.map(|opens| (link, opens)),
        None => Err(forged()),
    };
    match opens {
        Ok((link, opens)) => Ok((here, link, opens)),
        Err(no) => {
            if no.is_refusal() {
                let what = link.map(|link| Thing::Link { link });
                let (verb, result) = (Verb::LinkRefused, Outcome::Refused);
                let draft = record::stranger(gate, from.ip(), verb, result, what).await;
                record::write(gate, here, Log::Application, draft).await?;
            }
            Err(no)
        }
    }
}

async fn link_opens(gate: &Gate, tenant: TenantId, link: LinkId) -> Result<Opens, Not> {
    let now = gate.house.now();
    let query = tenant::Query::Opens { now, link };
    let tenant::Answer::Opens(opens) =
        gate.house.query::<Tenant>(Key::Tenant(tenant), query).await?
    else {
        return Err(ODD.into());
    };
    opens.map_err(|why| Not::refused(Refusal::Tenant { why }))
}

/// A person's name, or nothing when the vault has none.
pub async fn name_of(gate: &Gate, tenant: TenantId, person: PersonId) -> Result<String, Not> {
    let query = vault::Query::Names { people: vec![person] };
    match gate.house.query::<Vault>(Key::Vault(tenant), query).await? {
        vault::Answer::Names(names) => {
            Ok(names.into_iter().next().map(|named| named.name).unwrap_or_default())
        }
        _ => Err(ODD.into()),
    }
}

type SetCookie = AppendHeaders<[(header::HeaderName, String); 1]>;

/// A new session.
struct Born {
    by: Caller,
    cookie: SetCookie,
}

async fn birth(
    gate: &Gate,
    tenant: TenantId,
    person: PersonId,
    role: Role,
    origin: Origin,
    life: Span,
) -> Result<Born, Not> {
    let now: Time = gate.house.now();
    let session = SessionId::new(now, chance());
    let input = session::Input::Open { person, role, origin, until: now.after(life) };
    gate.house.ask::<Session>(Key::Session(session), Caller::node(tenant), input).await?;
    let value = gate.secrets.cookie(tenant, session);
    let seconds = life.ms() / 1000;
    let cookie =
        format!("{COOKIE}={value}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={seconds}"); // G2
    let cookie = AppendHeaders([(header::SET_COOKIE, cookie)]);
    Ok(Born { by: Caller { tenant, person, session, role }, cookie })
}

/// The value of the cookie of this name.
pub(super) fn cookie_named<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|it| it.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|it| it.trim().split_once('='));
    pairs.find_map(|(name, value)| (name == wanted).then_some(value))
}
