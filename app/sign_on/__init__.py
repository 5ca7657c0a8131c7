"""Single sign-on by OpenID Connect: who a person is, by an identity provider's word."""
