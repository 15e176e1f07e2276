//! Every path of a node, and what asking for it does.
//!
//! The node builds its router from this list and from nothing else, so a path without a row in the
//! table is not there.

use super::Act;

/// How a path is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// To read.
    Get,
    /// To do.
    Post,
}

macro_rules! routes {
    ($($route:ident $method:ident $path:literal $act:ident;)*) => {
        names! {
            /// Every path there is.
            pub enum Route { $(#[doc = $path] $route,)* }
        }

        impl Route {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$route,)*];

            /// How it is asked for.
            pub const fn method(self) -> Method {
                match self { $(Self::$route => Method::$method,)* }
            }

            /// The path, with its parameters in braces.
            pub const fn path(self) -> &'static str {
                match self { $(Self::$route => $path,)* }
            }

            /// What asking for it does.
            pub const fn act(self) -> Act {
                match self { $(Self::$route => Act::$act,)* }
            }
        }
    };
}

routes! {
    SignIn Post "/api/sign-in" SignIn;
    SignOut Post "/api/sign-out" SignOut;
    Link Post "/api/link" LinkLook;
    Enter Post "/api/enter" LinkEnter;
    OperatorEnter Post "/api/operator/enter" DeskEnter;
    OperatorLeave Post "/api/operator/leave" DeskLeave;
    OperatorCluster Get "/api/operator/cluster" DeskCluster;
    OperatorLive Get "/api/operator/live" DeskLive;
    OperatorDrain Post "/api/operator/drain" DeskDrain;
    Rights Get "/api/rights" RightsTable;
    Audit Get "/api/audit" AuditRead;
    OperatorAudit Get "/api/operator/audit" AuditSystem;
    StoreFile Post "/api/files/{conversation}" FileStore;
    FetchFile Get "/api/files/{conversation}/{file}" FileFetch;
    Socket Get "/ws" SocketOpen;
    Alive Get "/healthz" Health;
    Ready Get "/readyz" Health;
    Figures Get "/metrics" Figures;
    App Get "/" Page;
    Room Get "/room" Page;
    RoomOf Get "/room/{room}" Page;
    Operator Get "/operator" Page;
    Asset Get "/{*asset}" Page;
}
