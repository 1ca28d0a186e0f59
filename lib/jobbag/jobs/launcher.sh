#!/bin/sh
# Starts a job inside its container, as a program or as `sh -c TEXT pegasus-aws-batch COMMAND [WORD ...]`.
#
# What it does is in the manual page (THE LAUNCHER). It is sent in the command of jobs, where each character counts:
# launcher.py leaves out comments, blank lines and the tabs in front of lines. POSIX sh, and what both coreutils and
# busybox have. A variable that is set here would show in the job's environment if the container has one of that name,
# so all are set in subshells, or after the job has started.

fail() {
	printf 'pegasus-aws-batch: %s\n' "$*" >&2
	exit 125
}

# The SHA-256 of stdin, in hex.
sum() {
	set -- $(sha256sum)
	echo $1
}

# The bytes that $1 gives in hex, each XOR $2.
bytes() (
	left=$1
	out=
	while [ $left ]; do
		n=$((0x${left%"${left#??}"}^$2))
		left=${left#??}
		out=$out\\$((n/64))$((n/8%8))$((n%8))
	done
	printf $out
)

# HMAC-SHA256 of the text $2 under the key $1. Key and result are in hex.
hmac() (
	key=$1
	while [ ${#key} -lt 128 ]; do key=${key}00; done
	inner=$({ bytes $key 54; printf %s "$2"; } | sum)
	{ bytes $key 92; bytes $inner 0; } | sum
)

# The key of an object, as it stands in a URL and in what is signed.
encode() (
	LC_ALL=C
	while [ "$key" ]; do
		char=${key%"${key#?}"}
		key=${key#?}
		case $char in
			[A-Za-z0-9/._~-]) printf %s $char ;;
			*) printf %%%s $(printf %s "$char" | od -An -tx1 | tr a-f A-F) ;;
		esac
	done
)

# The field $1 of the container's credentials.
field() (
	value=${found#*\"$1\"*\"}
	echo "${value%%\"*}"
)

# GET $1 → $file, with the header lines $2 ... No command line shows them, as they hold secrets.
http() (
	url=$1
	shift
	printf '%s\n' "$@" | if [ $way = curl ]; then
		# S3 answers 301, with no Location, if the bucket is in another region.
		case $(curl -fsSH @- --path-as-is --connect-timeout 20 -y 60 -o "$file" -w '%{http_code}' "$url") in
			2*) ;;
			301) ! echo HTTP Error 301: Another Region >&2 ;;
			*) false ;;
		esac
	else
		python3 -Ic 'import sys,urllib.request as u
u.socket.setdefaulttimeout(60)
o=u.build_opener()
o.addheaders=[l[:-1].split(":",1)for l in sys.stdin]
u.install_opener(o)
try: u.urlretrieve(*sys.argv[1:])
except Exception as e: sys.exit(e)' "$url" "$file"
	fi
)

# → $url of the object $key, and $headers of a request $1 for it, whose body has the SHA-256 $2, with the header lines
# $3 before, and $4 behind. It is signed as AWS wants it (version 4), with the credentials of the environment or of the
# container.
sign() {
	url=${endpoint:-$PEGASUS_AWS_BATCH_ENDPOINT}
	case $bucket in
		# arn:PARTITION:s3:REGION:ACCOUNT:accesspoint/NAME, which has a host of its own.
		arn:*)
			name=${bucket##*/}
			bucket=${bucket%:*}
			url=https://$name-${bucket##*:}.s3-accesspoint.${url#*.} ;;
		*) url=$url/$bucket ;;
	esac
	url=$url/$(encode)
	id=$AWS_ACCESS_KEY_ID
	secret=$AWS_SECRET_ACCESS_KEY
	token=$AWS_SESSION_TOKEN
	from=$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI
	from=${from:+http://169.254.170.2$from}
	from=${from:-$AWS_CONTAINER_CREDENTIALS_FULL_URI}
	if [ -z "$id" ] && [ "$from" ]; then
		no_proxy='*' http "$from" "Authorization:$AWS_CONTAINER_AUTHORIZATION_TOKEN" || exit
		found=$(cat "$file")
		id=$(field AccessKeyId)
		secret=$(field SecretAccessKey)
		token=$(field Token)
	fi
	now=$(date -u +%Y%m%dT%H%M%SZ)
	headers="$3x-amz-content-sha256:$2
x-amz-date:$now${token:+
x-amz-security-token:$token}$4"
	if [ "$id" ]; then
		signed=host
		for part in $headers; do signed=$signed\;${part%%:*}; done
		scope=${now%T*}/$region/s3/aws4_request
		host=${url#*://}
		hash=$(printf '%s\n/%s\n\nhost:%s\n%s\n\n%s\n%s' $1 "${host#*/}" "${host%%/*}" "$headers" "$signed" $2 | sum)
		key=$(printf %s "AWS4$secret" | od -An -v -tx1 | tr -d ' \n')
		for part in ${now%T*} $region s3 aws4_request "AWS4-HMAC-SHA256
$now
$scope
$hash"; do key=$(hmac $key "$part"); done
		headers="$headers
Authorization:AWS4-HMAC-SHA256 Credential=$id/$scope,SignedHeaders=$signed,Signature=$key"
	else printf 'without credentials: ' >&2; fi
}

# One try to get the object $key, or its bytes $range, into $file.
fetch() (
	[ $way != aws ] ||
		exec aws s3api get-object --bucket "$bucket" --key "$key" ${range:+--range bytes=$range} "$file"
	sign GET $(sum </dev/null)
	http "$url" ${range:+Range:bytes=$range} "$headers"
)

# `$1` (fetch, or what else makes one try) the object $2 and the file $3; of the object, only the bytes $4 (FIRST-LAST).
try() (
	file=$3
	range=$4
	key=${2#s3://*/}
	bucket=${2#s3://}
	bucket=${bucket%%/*}
	case $bucket in arn:*)
		bucket=$bucket/${key%%/*}
		key=${key#*/} ;;
	esac
	endpoint=${AWS_ENDPOINT_URL_S3:-$AWS_ENDPOINT_URL}
	endpoint=${endpoint%/}
	region=${PEGASUS_AWS_BATCH_REGION:-${AWS_REGION:-${AWS_DEFAULT_REGION:-us-east-1}}}
	said='neither curl nor python3 nor aws is in the image'
	for pause in 1 2 4 8 0; do
		for way in curl python3 aws; do
			command -v $way >/dev/null && said=$($1 2>&1) && exit
		done
		# What another try would not change: 4xx, of each of them.
		case $said in neither* | *'rror 4'* | *'rror: 4'* | *'occurred ('*) break ;; esac
		sleep $pause
	done
	fail "cannot $1 $2 (region $region): ${said##*
}"
)

# The name of a new file that holds the object $1, or its bytes $2.
load() (
	file=$(mktemp) && chmod u+x "$file" && try fetch "$1" "$file" $2 && echo "$file"
)

# The input files → the working directory. $1 is the job's program, which may be one of them.
inputs() (
	program=$1
	set -f
	IFS=,
	set -- $TRANSFER_INPUT_FILES
	unset IFS
	for input; do
		file=./${input##*/}
		case $input in
			'') continue ;;
			s3://*) ;;
			*) input=${PEGASUS_AWS_BATCH_BUCKET%/}/$input ;;
		esac
		try fetch "$input" "$file" || exit
		[ "$file" != "$program" ] || chmod u+x "$file" || exit
	done
)

# The shell becomes the job. A record brings its own of this, if it has variables that no shell can set.
become() {
	exec "$@"
}

# The same, without the variables that are for the launcher alone.
begin() {
	unset $(printf 'PEGASUS_AWS_BATCH_%s ' MANIFEST RECORD REGION ENDPOINT LAUNCHER FILES ITEMS OUTPUTS)
	become "$@"
}

# The signal $1 is for the job. No trap is needed for a shell that becomes the job.
pass() {
	[ "$!" ] || exit 143
	again=1$again
	kill -$1 $! 2>/dev/null
}

# → $status of the child. $again is not 0 if there was a signal.
await() {
	status=
	while
		before=$again
		wait $!
		set -- $?
		# Once it was interrupted, wait may know no more of who is gone: 127, and in bash also -1.
		case $status:$1 in ?*:127 | ?*:-1) ;; *) status=$1 ;; esac
		[ $again != $before ]
	do :; done
}

# The job is a child of the shell, which ends with its status.
run() {
	# In the background, most shells have their children ignore these two.
	if env --default-signal=INT,QUIT true; then set -- env --default-signal=INT,QUIT "$@"; fi 2>/dev/null
	(
		exec 3<&-
		begin "$@"
	) &
	again=0
	await
	[ "$PEGASUS_AWS_BATCH_FILES" ] && send_outputs
	exit $status
}

# stderr → a file without a name, which can be read from 3.
hold() {
	[ "$1" ] || exit 125
	exec 2>"$1" 3<"$1"
	rm "$1"
}

# The most memory that the container has used, in bytes, as its own cgroup counts it; nothing if that cannot be seen. The
# one of a machine, where ECS runs nothing, is none: with version 1, its root is mounted; with 2, it has no such file.
peak() {
	set -- /sys/fs/cgroup/memory
	[ "$ECS_CONTAINER_METADATA_URI_V4" ] && case $(cat /proc/self/cgroup /proc/self/mountinfo) in
		0::/"
"*) cat $1.peak ;;
		*[!/.]" $1 "*) cat $1/memory.max_usage_in_bytes ;;
	esac
} 2>/dev/null

# The end mark has the token of the job, $2, its exit status, $1, and the memory. The newlines are for output that does
# not end with one; else they are empty lines, which are dropped.
tell() {
	printf '\n%s\n' '########################[AWS BATCH] TASK STDERR #########################'
	cat <&3
	peak=$(peak)
	trap '' HUP INT TERM
	printf '\n%s' "########################[AWS BATCH] END ${2:+$2 }$1"
	# A program that the shell becomes still knows what the shell's children have used: the largest of them.
	[ "$peak" ] || ! python3 -Ic 'import resource' 2>/dev/null || exec python3 -Ic "
import resource as r
print(' memory=%d+ '%(r.getrusage(-1).ru_maxrss<<10)+'#'*24)
raise SystemExit($1)"
	printf '%s\n' "${peak:+ memory=$peak} ########################"
}

trap 'pass HUP' HUP
trap 'pass INT' INT
trap 'pass TERM' TERM
if [ "$PEGASUS_AWS_BATCH_LAUNCHER" ]; then
	hold "$(mktemp)"
	# Now, as a job may have such variables of its own.
	trap "tell \$? $PEGASUS_AWS_BATCH_TOKEN${AWS_BATCH_JOB_ARRAY_INDEX:+:$AWS_BATCH_JOB_ARRAY_INDEX}" EXIT
fi
if [ "$PEGASUS_AWS_BATCH_MANIFEST" ]; then
	unset BATCH_FILE_S3_URL
	set -- $((${AWS_BATCH_JOB_ARRAY_INDEX:-0} * PEGASUS_AWS_BATCH_RECORD))
	# Without an index, a byte more: to see that there is no other record.
	set -- "$(load "$PEGASUS_AWS_BATCH_MANIFEST" $1-$(($1 + PEGASUS_AWS_BATCH_RECORD ${AWS_BATCH_JOB_ARRAY_INDEX:+- 1})))"
	[ "$1" ] || exit 125
	[ $(wc -c <"$1") -eq $PEGASUS_AWS_BATCH_RECORD ] ||
		fail "not a record of $PEGASUS_AWS_BATCH_MANIFEST: the index is ${AWS_BATCH_JOB_ARRAY_INDEX:-not set}"
	eval "$(cat "$1"; rm "$1")"
	if [ "$BATCH_FILE_S3_URL" ]; then
		shift
		set -- "$(load "$BATCH_FILE_S3_URL")" "$@"
		[ "$1" ] || exit 125
	fi
	unset AWS_BATCH_JOB_ARRAY_INDEX AWS_BATCH_JOB_ARRAY_SIZE
fi
if [ "$PEGASUS_AWS_BATCH_LAUNCHER" ]; then
	if [ "$PEGASUS_AWS_BATCH_FILES" ]; then
		set -- "$(load "$PEGASUS_AWS_BATCH_FILES")" "$@"
		[ "$1" ] || exit 125
		. "$1"
		take_items "$@" || exit
		shift
	fi
	inputs "$1" || exit
	run "$@"
else begin "$@"; fi
