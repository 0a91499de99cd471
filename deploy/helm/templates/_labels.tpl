{{- define "traingauge.labels" -}}
app.kubernetes.io/part-of: traingauge
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}
