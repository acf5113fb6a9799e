// The certified OpenID Connect provider, dressed as a realm of Keycloak: a path in its issuer, Keycloak's names of
// claims, and back-channel logout to this computer. Arguments: the folder of its node_modules, and what to serve as JSON.
import http from "node:http"
import path from "node:path"
import {pathToFileURL} from "node:url"

const [folder, text] = process.argv.slice(2)
const wanted = JSON.parse(text)
const {default: Provider} = await import(pathToFileURL(path.join(folder, "oidc-provider/lib/index.js")))

const realm = "/realms/test"
const provider = new Provider(`http://localhost:${wanted.port}${realm}`, {
  clients: [wanted.client],
  claims: {openid: ["sub"], profile: ["name", "preferred_username", "groups"]},
  conformIdTokenClaims: wanted.thin,
  cookies: {keys: ["only for tests"]},
  // Its guard against calls into private networks would refuse this computer.
  fetch: (url, {dispatcher, ...options}) => globalThis.fetch(url, options),
  features: {backchannelLogout: {enabled: true}},
  findAccount: (context, id) => ({
    accountId: id,
    claims: () => ({sub: id, preferred_username: id, name: `${id} of the realm`, groups: ["mx-staff"]}),
  }),
  // Nobody is asked whether this client may know them.
  loadExistingGrant: async (context) => {
    const {client, session, provider} = context.oidc
    const grant = new provider.Grant({clientId: client.clientId, accountId: session.accountId})
    grant.addOIDCScope("openid profile")
    await grant.save()
    return grant
  },
})
provider.on("backchannel.error", (context, error) => console.error("backchannel", error.message))
provider.on("backchannel.success", () => console.error("backchannel told"))
const answer = provider.callback()
http.createServer((request, response) => {
  if (!request.url.startsWith(realm)) {
    response.writeHead(404).end()
    return
  }
  request.originalUrl = request.url
  request.url = request.url.slice(realm.length) || "/"
  answer(request, response)
}).listen(wanted.port, "localhost", () => console.log("ready"))
