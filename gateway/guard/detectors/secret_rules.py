"""What credentials look like: kind → pattern. Those with a shape of their own are found wherever they stand.

Shapes are facts that their issuers publish, mostly so that scanners can find them: AWS IAM "Unique identifiers", GitHub
"Token formats" (2021), GitLab "Token prefixes", Slack "Token types", Stripe "API keys", npm and PyPI "token formats",
RFC 7519 (JWT), RFC 7468 (PEM), RFC 3986 (user information in URLs). Compared with the rules of gitleaks 8
(config/gitleaks.toml) and detect-secrets 1.5 (plugins/), which know the same. Rules of theirs that need the name of a
product before the value (`cloudflare … = …`) are one here: an assignment, in `secrets`.

They run in RE2: no look-around, and no groups.
"""

TOKENS: dict[str, str] = {
    # Clouds
    "aws_key": r"\b(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
    "aws_bedrock_key": r"\bABSK[A-Za-z0-9+/]{100,300}={0,2}|\bbedrock-api-key-[A-Za-z0-9+/]{40}[A-Za-z0-9+/]*={0,2}",
    "gcp_key": r"\bAIza[\w\-]{35}\b",
    "gcp_oauth": r"\bya29\.[\w\-]{20,300}|\bGOCSPX-[\w\-]{28}",
    "azure_storage_key": r"\b(?i:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{42,86}={1,2}",
    "azure_sas": r"[?&]sig=[A-Za-z0-9%+/]{43,60}(?:%3[Dd]|=)",
    "azure_client_secret": r"\b\w{3}\dQ~[\w.~\-]{31,34}",
    "azure_ai_key": r"\b[A-Za-z0-9]{52}JQQJ9[A-Za-z0-9]{27}\b",
    "digitalocean_token": r"\bdo[opr]_v1_[a-f0-9]{64}\b",
    "databricks_token": r"\bdapi[a-f0-9]{32}\b",
    "alibaba_key": r"\bLTAI[A-Za-z0-9]{20}\b",
    "heroku_key": r"\bHRKU-AA[\w\-]{58}",
    "fly_token": r"\bfo1_[\w\-]{43}|\bfm[12][ar]?_[A-Za-z0-9+/]{100,500}={0,3}",
    "supabase_token": r"\bsbp_[a-f0-9]{40}\b|\bsb_secret_[\w\-]{20,60}",
    "planetscale_token": r"\bpscale_(?:tkn|oauth|pw)_[\w.=\-]{32,64}",
    "vault_token": r"\bhv[sbr]\.[\w\-]{24,300}",
    "terraform_token": r"\b[A-Za-z0-9]{14}\.atlasv1\.[\w\-]{60,70}",
    "doppler_token": r"\bdp\.(?:pt|st|ct|sa)\.(?:[\w\-]{1,40}\.)?[A-Za-z0-9]{40,44}\b",
    # Code and packages
    "github_token": r"\bgh[pousr]_[A-Za-z0-9]{36,255}|\bgithub_pat_\w{22,255}",
    "gitlab_token": r"\bgl(?:pat|dt|rt|rtr|ptt|cbt|ft|soat|agent|imt|oas|ffct)-"
    r"[\w\-]{20,300}(?:\.[0-9a-z]{2}\.[0-9a-z]{9})?",
    "npm_token": r"\bnpm_[A-Za-z0-9]{36}\b",
    "pypi_token": r"\bpypi-AgE[A-Za-z0-9]{10,30}[\w\-]{40}[\w\-]*",
    "rubygems_key": r"\brubygems_[a-f0-9]{48}\b",
    "docker_token": r"\bdckr_(?:pat|oat)_[\w\-]{27,40}",
    "atlassian_token": r"\bATATT3[\w\-]{150,250}={0,2}(?:[A-F0-9]{8})?",
    "linear_key": r"\blin_(?:api|oauth)_[A-Za-z0-9]{32,64}\b",
    "postman_key": r"\bPMAK-[a-f0-9]{24}-[a-f0-9]{34}\b",
    "figma_token": r"\bfig[dour]{1,2}_[\w\-]{40,60}",
    "sentry_token": r"\bsntry[su]_[A-Za-z0-9+/=_\-]{40,300}",
    "grafana_token": r"\bglsa_[A-Za-z0-9]{32}_[a-f0-9]{8}\b|\bglc_[A-Za-z0-9+/]{32,400}={0,2}",
    "newrelic_key": r"\bNRAK-[A-Z0-9]{27}\b|\bNRII-[\w\-]{32}",
    "notion_token": r"\bntn_[A-Za-z0-9]{43,50}\b|\bsecret_[A-Za-z0-9]{43}\b",
    # Messages and money
    "slack_token": r"\bxox[abeoprs]-(?:\d-)?[A-Za-z0-9]{8,14}-[A-Za-z0-9\-]{10,250}"
    r"|\bxapp-\d-[A-Z0-9]{8,14}-\d{8,14}-[a-f0-9]{40,80}",
    "slack_webhook": r"\bhooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{30,80}",
    "discord_webhook": r"\bdiscord(?:app)?\.com/api/webhooks/\d{17,20}/[\w\-]{60,80}",
    "discord_token": r"\b[MNO][A-Za-z\d_\-]{23,27}\.[\w\-]{6}\.[\w\-]{27,40}",
    "telegram_token": r"\b\d{8,10}:AA[\w\-]{33}",
    "twilio_key": r"\bSK[0-9a-f]{32}\b",
    "sendgrid_key": r"\bSG\.[\w\-]{16,32}\.[\w\-]{32,64}",
    "mailgun_key": r"\bkey-[0-9a-f]{32}\b",
    "mailchimp_key": r"\b[0-9a-f]{32}-us\d{1,2}\b",
    "stripe_key": r"\b(?:sk|rk)_(?:live|test|prod)_[A-Za-z0-9]{10,200}|\bwhsec_[A-Za-z0-9+/]{24,64}={0,2}",
    "square_token": r"\bsq0(?:atp|csp|idp)-[\w\-]{22,43}|\bEAAA[\w\-]{60}",
    "shopify_token": r"\bshp(?:at|ca|pa|ss|tka)_[a-fA-F0-9]{32}\b",
    "braintree_token": r"\baccess_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}\b",
    # Models
    "anthropic_key": r"\bsk-ant-[a-z]{2,6}\d\d-[\w\-]{60,130}",
    "openrouter_key": r"\bsk-or-v1-[0-9a-f]{64}\b",
    "langfuse_key": r"\bsk-lf-[0-9a-f]{8}-[0-9a-f\-]{27}\b",
    "openai_key": r"\bsk-(?:proj|svcacct|admin|None)-[\w\-]{20,200}|\bsk-[A-Za-z0-9]{32,64}\b",
    "huggingface_token": r"\bhf_[A-Za-z0-9]{34,40}\b|\bapi_org_[A-Za-z]{34}\b",
    "groq_key": r"\bgsk_[A-Za-z0-9]{52}\b",
    "xai_key": r"\bxai-[A-Za-z0-9]{70,90}\b",
    "perplexity_key": r"\bpplx-[A-Za-z0-9]{40,60}\b",
    "replicate_token": r"\br8_[A-Za-z0-9]{37}\b",
    "nvidia_key": r"\bnvapi-[\w\-]{60,70}",
    "langsmith_key": r"\blsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}\b",
    "gateway_key": r"\bgw-[\w\-]{43}",
    # Of no issuer
    "age_key": r"\bAGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}",
    "jwt": r"\beyJ[\w\-]{8}[\w\-]*\.eyJ[\w\-]{8}[\w\-]*\.[\w\-]{16}[\w\-]*",
    # A key that is cut off is a key too: its end may be missing. In JSON and in source a line's end is `\n`.
    "private_key": r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?:\s|\\n|\\r|[\"',+])*(?:[A-Za-z\-]{4,12}: [^\s\\]{1,60}|[A-Za-z0-9+/=]{24}[A-Za-z0-9+/=]*))+"
    r"(?:(?:(?:\s|\\n|\\r|[\"',+]){1,8}[A-Za-z0-9+/=]{1,23})?"
    r"(?:\s|\\n|\\r|[\"',+]){0,8}-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----)?",
}
