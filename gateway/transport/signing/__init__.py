"""Who we are to a cloud: headers that authorize a request, made of credentials that expire.

    authorizer.py   the seam, fixed keys, and what is fetched, kept, and fetched again before it expires
    signature.py    AWS Signature Version 4
    aws.py          AWS credentials from wherever botocore finds them, or a Bedrock API key
    google.py       Google access tokens, by google-auth
    entra.py        Microsoft Entra tokens, by azure-identity

The clouds' own libraries find and renew credentials; they are optional extras, imported when first needed, and run in
threads, for they block. No message of a fault holds what they said: it may quote a secret.
"""
