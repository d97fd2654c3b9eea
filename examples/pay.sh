#!/usr/bin/env bash
# Buy answers over plain HTTP with curl; jq reads, and Foundry's cast signs.
#
#     ETH_KEYSTORE=wallet.json ETH_PASSWORD=wallet.password examples/pay.sh http://127.0.0.1:7403 'Tumour model' rows.json
#
# The key is a keystore (`cast wallet import`), its password a file: neither is ever in a command line. What was signed
# is kept in `payment.QUESTION` before it is sent: run again, the same question is paid once.
set -euo pipefail
umask 077
url=$1 model=$2 rows=$3
most_units=10000 # no call is paid that costs more: $0.01
# what is paid with, here the test dollar of a local chain; for another network, look it up yourself: never ask the seller
chain_id=31337
token=0xb019e73917ae6b04e23062ec207fe71bbd6a3812
token_name='Freehold Test Dollar' token_version=1
# contracts of this version of Freehold, at the same addresses on every network
revenue=0x854aadc14695192dbd26cb7d1f3a9f26617fec24
revocations=0x46b4edd31e1e171c2314b95685335986348d9362
receive='ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)'

work=$(mktemp -d) && trap 'rm -r "$work"' EXIT
random() { echo "0x$(openssl rand -hex 32)"; }
hash() { echo "0x$(sha256sum | cut -d' ' -f1)"; }
# typed data (EIP-712) of a type such as `Name(type field,...)`: its domain, its message
typed() {
  jq -nc --arg type "$1" --argjson domain "$2" --argjson message "$3" '
    ($type | capture("(?<name>.*)\\((?<fields>.*)\\)")) as $said
    | {domain: $domain, message: $message, primaryType: $said.name, types: {
        EIP712Domain: [["string", "name"], ["string", "version"], ["uint256", "chainId"], ["address", "verifyingContract"]]
          | map({type: .[0], name: .[1]}),
        ($said.name): $said.fields | split(",") | map(split(" ") | {type: .[0], name: .[1]})}}'
}
# a domain (EIP-712) of our chain: its name, its version, its contract
domain() {
  jq -nc --arg name "$1" --arg version "$2" --argjson chain "$chain_id" --arg contract "$3" \
    '{name: $name, version: $version, chainId: $chain, verifyingContract: $contract}'
}
# no redirect is followed: rows and payment go to the address that was typed
get() { curl -sS --max-time 60 --max-filesize 1048576 "$@"; }
ask() { get -o "$work/$1" -w '%{http_code}' -H 'content-type: application/json' "${@:2}"; }

# 1. find the model: an id is taken as it is, since a seller may call another model by it; by a name, it says which
if [[ $model =~ ^0x[0-9a-f]{64}$ ]]; then id=$model; else
  id=$(get --fail "$url/v1/models" | jq -re --arg model "$model" '
    [.models[] | select(.name == $model).id]
    | if length == 1 then .[0] else error("\(length) models are called \($model)") end')
fi
jq -cen --arg id "$id" --slurpfile rows "$rows" '
  if $rows | length == 1 then {model: $id, rows: $rows[0]} else error("the rows are not one list") end' |
  tr -d '\n' >"$work/body"

kept=payment.$(hash <"$work/body")
if [ ! -e "$kept" ]; then
  # 2. ask: 402 says what to pay and how
  [ "$(ask quote --data-binary @"$work/body" "$url/v1/predict")" = 402 ] || { cat "$work/quote" >&2; exit 1; }

  # 3. compare: what is signed is ours, but for the pool and the price; all else in the quote must be the same
  payer=$(cast wallet address | tr A-F a-f) salt=$(random) until=$(($(date +%s) + 3600))
  token_domain=$(domain "$token_name" "$token_version" "$token")
  accepted=$(jq -ce --argjson most "$most_units" --argjson domain "$token_domain" --arg revenue "$revenue" \
    --arg type "$receive" '
    .fields | .call_units as $units | first(.how[] | select(.kind == "transfer")) as $how
    | if ($units | type) != "number" or $units != ($units | floor) or $units < 1 or $units > $most then
        error("this call costs \($units) units")
      elif [.token, .chain_id, $how.to, $how.value_units, $how.sign.domain, $how.sign.type]
        != [$domain.verifyingContract, $domain.chainId, $revenue, $units, $domain, $type]
        or (.pool | test("\\A0x[0-9a-f]{64}\\z") | not) then error("another payment is asked for")
      else {units: ($units | floor), pool} end' "$work/quote")
  units=$(jq .units <<<"$accepted") pool=$(jq -r .pool <<<"$accepted")
  # sign one EIP-3009 transfer into the model's pool
  nonce=$(cast keccak "$(cast abi-encode 'f(bytes32,bytes32)' "$pool" "$salt")")
  message=$(jq -nc --arg payer "$payer" --arg to "$revenue" --argjson units "$units" --argjson until "$until" \
    --arg nonce "$nonce" \
    '{from: $payer, to: $to, value: $units, validAfter: 0, validBefore: $until, nonce: $nonce}')
  typed "$receive" "$token_domain" "$message" >"$work/typed"
  signature=$(cast wallet sign --data --from-file "$work/typed")
  # keep it before it is sent, whole or not at all; of two at once the first one kept is sent by both
  beside=$(mktemp "$kept.XXXXXX") && trap 'rm -rf "$work" "$beside"' EXIT
  # without the secret, whoever reads the payment on chain could ask for its answer
  jq -nc --arg payer "$payer" --argjson units "$units" --argjson until "$until" --arg salt "$salt" \
    --arg secret "$(random)" --arg signature "$signature" \
    '{kind: "transfer", payer: $payer, value_units: $units, valid_after: 0, valid_before: $until,
      salt: $salt, secret: $secret, signature: $signature}' >"$beside"
  sync "$beside" && { ln "$beside" "$kept" || [ -e "$kept" ]; } && sync .
fi

# 4. send it; the same again gives the same answer, and takes nothing
{ printf 'Freehold-Payment: ' && base64 -w0 <"$kept" | tr '+/' '-_'; } >"$work/header"
for answer in answer again; do
  [ "$(ask $answer --data-binary @"$work/body" -H @"$work/header" "$url/v1/predict")" = 200 ] || { cat "$work/$answer" >&2; exit 1; }
done
cmp "$work/answer" "$work/again"

# 5. check the answer, which is to this question, and the receipt, which is the seller's, for both
jq -e --slurpfile asked "$work/body" '$asked[0] as $body
  | .model == $body.model and (.outputs | length) == ($body.rows | length)' "$work/answer" >"$work/fits" ||
  { echo "the answer is to another question" >&2; exit 1; }
get --fail "$url/.well-known/freehold.json" >"$work/about"
of() { jq -er "$1" "$work/answer"; }
[ "$(of .receipt.document.evidence.request)" = "$(hash <"$work/body")" ]
# canonical JSON (RFC 8785): whatever is hashed here is ASCII text and whole numbers, so sorted keys are enough
[ "$(of .receipt.document.output)" = "$(jq -cSj '{model, outputs}' "$work/answer" | hash)" ]
seller=$(jq -er .party.document.account "$work/about")
[ "$(of .receipt.document.provider)" = "$seller" ]
signed=$(jq -nc --arg grant "$(of .receipt.document.grant)" --arg id "$(jq -cSj .receipt.document "$work/answer" | hash)" \
  '{kind: "receipt", role: "provider", subject: $grant, id: $id}')
typed 'Document(string kind,string role,bytes32 subject,bytes32 id)' "$(domain Freehold 1 "$revocations")" "$signed" >"$work/typed"
cast wallet verify --data --from-file --address "$seller" "$work/typed" \
  "$(of '.receipt.signatures[] | select(.role == "provider").signature')" >&2
cat "$work/answer"
